"""Who is told. One channel a file, one line here."""

CHANNELS = {
    "webhook": "bongsu.channels.webhook:Webhook",
    "slack": "bongsu.channels.slack:Slack",
}
