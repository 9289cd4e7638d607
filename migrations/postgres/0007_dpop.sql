-- The thumbprint of the key that a session's tokens are good only beside (RFC 9449). NULL: none.
ALTER TABLE sessions ADD COLUMN jkt TEXT;
