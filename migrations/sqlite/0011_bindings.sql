-- What a session's tokens are good only beside: `cookie`, the one that came with them. NULL: nothing.
ALTER TABLE sessions ADD COLUMN binding TEXT;
