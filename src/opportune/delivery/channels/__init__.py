"""One file per channel; the room's front offers them by kind and account."""
