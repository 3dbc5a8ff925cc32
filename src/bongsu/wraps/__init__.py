"""What wraps the vault's data keys. One keeper of a master key a file, one line here."""

WRAPS = {
    "kms": "bongsu.wraps.kms:Kms",
    "local": "bongsu.wraps.local:Local",
    "transit": "bongsu.wraps.transit:Transit",
}
