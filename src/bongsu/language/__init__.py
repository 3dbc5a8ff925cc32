"""What bongsu says to people, in English and Korean."""
