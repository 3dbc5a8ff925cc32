"""Where keys live: ``secret://KIND/PATH``. One store a file, one line here."""

SECRETS = {
    "env": "bongsu.secrets.env:Env",
    "file": "bongsu.secrets.file:File",
}
