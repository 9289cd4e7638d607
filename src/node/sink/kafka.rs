//! Kafka: a topic of events, keyed by the user whom they concern. It may not know the log.
//!
//! A partition has its events in order; a batch that failed in part is written again as a whole, so a
//! reader of a partition skips what is not beyond the last position that it has dealt with.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::DateTime;
use futures::future::BoxFuture;
use rskafka::BackoffConfig;
use rskafka::client::partition::{Compression, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};
use rskafka::record::Record;
use tokio::time::timeout;

use super::target::{Batch, Failure, Item, Target};

/// Events of one batch.
const BATCH: usize = 200;
/// Where events go that concern no user.
const WITHOUT_KEY: i32 = 0;

/// What a Kafka sink can be told.
#[derive(Clone, Debug)]
pub struct KafkaSettings {
    /// Brokers to ask for all others, as `host:port`.
    pub brokers: Vec<String>,
    /// The topic.
    pub topic: String,
    /// How long each answer may take.
    pub timeout: Duration,
}

/// A topic.
pub(super) struct Kafka {
    settings: KafkaSettings,
    connected: Option<Partitions>,
}

/// The partitions of the topic, in order.
struct Partitions(Vec<PartitionClient>);

impl Kafka {
    /// Connects at the first write.
    pub(super) fn open(settings: &KafkaSettings) -> Self {
        Self {
            settings: settings.clone(),
            connected: None,
        }
    }

    async fn write_batch(&mut self, batch: &Batch) -> Result<(), Failure> {
        // Taken, so that a failure lets it go.
        let partitions = match self.connected.take() {
            Some(partitions) => partitions,
            None => self.connect().await?,
        };
        let mut shares: BTreeMap<i32, Vec<Record>> = BTreeMap::new();
        for item in &batch.items {
            let record = record(item)?;
            let partition = match &record.key {
                Some(key) => partition_of(key, partitions.0.len()),
                None => WITHOUT_KEY,
            };
            shares.entry(partition).or_default().push(record);
        }
        for client in &partitions.0 {
            if let Some(records) = shares.remove(&client.partition()) {
                let written = client.produce(records, Compression::NoCompression);
                timeout(self.settings.timeout, written).await??;
            }
        }
        self.connected = Some(partitions);
        Ok(())
    }

    async fn connect(&self) -> Result<Partitions, Failure> {
        let KafkaSettings {
            brokers,
            topic,
            timeout: patience,
        } = &self.settings;
        // It is the sink that tries again, and from its place.
        let once = BackoffConfig {
            deadline: Some(*patience),
            ..BackoffConfig::default()
        };
        let client = ClientBuilder::new(brokers.clone())
            .client_id("sessionwire")
            .backoff_config(once);
        let client = timeout(*patience, client.build()).await??;
        let topics = timeout(*patience, client.list_topics()).await??;
        let found = topics.into_iter().find(|it| it.name == *topic);
        let found = found.ok_or_else(|| Failure::again(format!("there is no topic `{topic}`")))?;
        let mut partitions = Vec::with_capacity(found.partitions.len());
        for (expected, partition) in (0..).zip(found.partitions) {
            if partition != expected {
                let what = format!("partition {expected} of `{topic}` is missing");
                return Err(Failure::again(what));
            }
            let partition = self.partition(&client, partition);
            partitions.push(timeout(*patience, partition).await??);
        }
        Ok(Partitions(partitions))
    }

    async fn partition(
        &self,
        client: &Client,
        partition: i32,
    ) -> rskafka::client::error::Result<PartitionClient> {
        let topic = &self.settings.topic;
        client
            .partition_client(topic, partition, UnknownTopicHandling::Error)
            .await
    }
}

fn record(item: &Item) -> Result<Record, Failure> {
    let record = &item.record;
    let user = item.entry.event.user_id();
    let headers = [
        ("seq".to_owned(), record.seq.to_string().into_bytes()),
        ("type".to_owned(), record.kind.as_bytes().to_vec()),
    ];
    Ok(Record {
        key: user.map(|user| user.to_string().into_bytes()),
        value: Some(serde_json::to_vec(record)?),
        headers: BTreeMap::from(headers),
        timestamp: DateTime::from_timestamp_millis(record.at.as_millis()).unwrap_or_default(),
    })
}

impl Target for Kafka {
    fn batch_max(&self) -> usize {
        BATCH
    }

    fn write<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.write_batch(batch))
    }
}

/// The partition of a key, as Kafka's own clients choose it.
fn partition_of(key: &[u8], partitions: usize) -> i32 {
    let partitions = u32::try_from(partitions).unwrap_or(1).max(1);
    let partition = (murmur2(key) & 0x7fff_ffff) % partitions;
    i32::try_from(partition).unwrap_or(0)
}

/// MurmurHash2 with the seed that Kafka's clients use.
fn murmur2(data: &[u8]) -> u32 {
    const FACTOR: u32 = 0x5bd1_e995;
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut hash = 0x9747_b28c ^ length;
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut word = u32::from_le_bytes(*word).wrapping_mul(FACTOR);
        word ^= word >> 24;
        hash = hash.wrapping_mul(FACTOR) ^ word.wrapping_mul(FACTOR);
    }
    if !rest.is_empty() {
        let tail = rest
            .iter()
            .rev()
            .fold(0, |tail, byte| tail << 8 | u32::from(*byte));
        hash = (hash ^ tail).wrapping_mul(FACTOR);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(FACTOR);
    hash ^ hash >> 15
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of the test of Kafka's own Java client.
    #[test]
    fn keys_are_hashed_as_by_other_clients() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            (
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }

    #[test]
    fn a_key_has_a_partition() {
        for partitions in 1..20 {
            let partition = partition_of(b"foobar", partitions);
            assert!(usize::try_from(partition).unwrap() < partitions);
        }
    }
}
