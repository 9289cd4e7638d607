-- Who is connected to which node, as far as the node has said so. It goes with the node's entry.
CREATE TABLE presence (
    node_id     UUID   NOT NULL REFERENCES nodes (id) ON DELETE CASCADE,
    session_id  UUID   NOT NULL,
    user_id     UUID   NOT NULL,
    device_id   UUID   NOT NULL,
    connections BIGINT NOT NULL,
    answering   BIGINT NOT NULL,
    since       BIGINT NOT NULL,
    PRIMARY KEY (node_id, session_id)
);
CREATE INDEX presence_by_user ON presence (user_id, node_id);
