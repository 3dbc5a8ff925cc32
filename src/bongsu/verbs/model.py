"""The verb of the stand-in: a policy is tried before there is a model."""

from __future__ import annotations

import click


@click.command()
@click.option("--port", default=9190, show_default=True, type=click.IntRange(1, 65535), help="Where, on loopback.")
def model(port: int) -> None:
    """A stand-in for models, to try a policy with: speaks every API, repeats what it was told. Ctrl-C ends it."""
    import uvicorn

    from bongsu.demo.standin import StandIn

    click.echo(f"a stand-in for models is at http://127.0.0.1:{port}/v1; what is posted elsewhere is shown here")
    uvicorn.run(StandIn(click.echo), host="127.0.0.1", port=port, log_level="warning")
