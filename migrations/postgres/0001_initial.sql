-- Times are milliseconds since the Unix epoch, JSON is text: one SQL text serves both databases.
-- Texts that are compared or sorted have the collation "C": bytes in order, as in SQLite, and no index
-- that an update of the system's locales breaks.

CREATE TABLE log_head (
    id  INTEGER PRIMARY KEY CHECK (id = 1),
    seq BIGINT  NOT NULL
);
INSERT INTO log_head (id, seq) VALUES (1, 0);

CREATE TABLE events (
    seq               BIGINT PRIMARY KEY,
    kind              TEXT COLLATE "C" NOT NULL,
    at                BIGINT NOT NULL,
    actor_type        TEXT   NOT NULL,
    actor_id          UUID,
    user_id           UUID,
    initiating_entity TEXT   NOT NULL,
    request_id        TEXT,
    address           TEXT,
    body              TEXT   NOT NULL
);
CREATE INDEX events_by_user ON events (user_id, seq);
CREATE INDEX events_by_kind ON events (kind, seq);
CREATE INDEX events_by_time ON events (at);

CREATE TABLE users (
    id            UUID   PRIMARY KEY,
    username      TEXT COLLATE "C" NOT NULL UNIQUE,
    display_name  TEXT COLLATE "C" NOT NULL,
    external_id   TEXT COLLATE "C" UNIQUE,
    status        TEXT   NOT NULL,
    password_hash TEXT,
    created_at    BIGINT NOT NULL
);

CREATE TABLE groups (
    id         UUID    PRIMARY KEY,
    name       TEXT COLLATE "C" NOT NULL UNIQUE,
    priority   INTEGER NOT NULL,
    created_at BIGINT  NOT NULL
);

CREATE TABLE group_permissions (
    group_id   UUID NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    permission TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (group_id, permission)
);
CREATE INDEX group_permissions_by_permission ON group_permissions (permission);

CREATE TABLE memberships (
    user_id  UUID NOT NULL REFERENCES users (id)  ON DELETE CASCADE,
    group_id UUID NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, group_id)
);
CREATE INDEX memberships_by_group ON memberships (group_id, user_id);

CREATE TABLE devices (
    user_id       UUID   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    id            UUID   NOT NULL,
    name          TEXT   NOT NULL,
    platform      TEXT   NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at  BIGINT NOT NULL,
    PRIMARY KEY (user_id, id)
);

-- Outlives its user and device: a refresh of an ended session is told why, also after a deletion.
CREATE TABLE sessions (
    id                  UUID    PRIMARY KEY,
    user_id             UUID    NOT NULL,
    device_id           UUID    NOT NULL,
    device_name         TEXT    NOT NULL,
    platform            TEXT    NOT NULL,
    fence               BIGINT  NOT NULL,
    created_at          BIGINT  NOT NULL,
    last_active_at      BIGINT  NOT NULL,
    expires_at          BIGINT  NOT NULL,
    remembered          BOOLEAN NOT NULL,
    idle_timeout_s      BIGINT,
    max_age_s           BIGINT,
    address             TEXT,
    user_agent          TEXT,
    -- The refresh state. The token itself is derived and never kept.
    generation          BIGINT  NOT NULL,
    rotated_at          BIGINT  NOT NULL,
    presented           BOOLEAN NOT NULL,
    ended_seq           BIGINT,
    ended_at            BIGINT,
    end_reason          TEXT,
    ended_by            TEXT,
    replaced_by_name     TEXT,
    replaced_by_platform TEXT
);
CREATE INDEX sessions_by_user ON sessions (user_id, id);
CREATE INDEX sessions_live ON sessions (user_id, fence) WHERE ended_at IS NULL;
CREATE INDEX sessions_expiring ON sessions (expires_at) WHERE ended_at IS NULL;
CREATE INDEX sessions_forgettable ON sessions (expires_at) WHERE ended_at IS NOT NULL;

-- `scope` is `default`, `group` or `user`; `scope_id` is sixteen zero bytes for `default`.
CREATE TABLE policies (
    scope    TEXT COLLATE "C" NOT NULL,
    scope_id UUID NOT NULL,
    body     TEXT NOT NULL,
    PRIMARY KEY (scope, scope_id)
);

-- What one table keeps for takeover tokens and takeover requests: a newcomer who waits at the door.
CREATE TABLE takeovers (
    id          UUID    PRIMARY KEY,
    token_hash  BYTEA   NOT NULL UNIQUE,
    user_id     UUID    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind        TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    newcomer    TEXT    NOT NULL,
    in_the_way  TEXT    NOT NULL,
    expires_at  BIGINT  NOT NULL,
    keep_until  BIGINT  NOT NULL,
    session_id  UUID
);
CREATE INDEX takeovers_by_age ON takeovers (keep_until);

CREATE TABLE tickets (
    token_hash BYTEA  PRIMARY KEY,
    claims     TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX tickets_by_age ON tickets (expires_at);

CREATE TABLE api_keys (
    id         UUID   PRIMARY KEY,
    key_hash   BYTEA  NOT NULL UNIQUE,
    name       TEXT   NOT NULL,
    scopes     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);

-- The private half is encrypted with the key file, which lies outside the database.
CREATE TABLE signing_keys (
    kid         TEXT COLLATE "C" PRIMARY KEY,
    algorithm   TEXT   NOT NULL,
    public_jwk  TEXT   NOT NULL,
    sealed      BYTEA  NOT NULL,
    created_at  BIGINT NOT NULL,
    signs_from  BIGINT NOT NULL,
    listed_until BIGINT
);

CREATE TABLE idempotency_keys (
    caller      TEXT COLLATE "C" NOT NULL,
    path        TEXT COLLATE "C" NOT NULL,
    idem_key    TEXT COLLATE "C" NOT NULL,
    body_hash   BYTEA  NOT NULL,
    status      BIGINT,
    answer      TEXT,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (caller, path, idem_key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
