-- Signing keys that are trusted no more: their rows stay, without the private half, so that nobody ever
-- believes them again.
ALTER TABLE signing_keys ADD COLUMN retired_at BIGINT;
