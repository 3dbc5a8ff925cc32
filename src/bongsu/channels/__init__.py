"""Who is told. One channel a file, one line here."""

CHANNELS = {
    "webhook": "bongsu.channels.webhook:Webhook",
    "slack": "bongsu.channels.slack:Slack",
    "slack_api": "bongsu.channels.slack_api:SlackApi",
    "teams": "bongsu.channels.teams:Teams",
    "pagerduty": "bongsu.channels.pagerduty:PagerDuty",
    "twilio": "bongsu.channels.twilio:Twilio",
    "smtp": "bongsu.channels.smtp:Smtp",
    "jira": "bongsu.channels.jira:Jira",
    "alertmanager": "bongsu.channels.alertmanager:Alertmanager",
    "apprise": "bongsu.channels.apprise:Apprise",
}
