//! The clients of a benchmark: some processes of many sockets each, which are told together when to come, what to
//! wait for, and when to go. It may not know what servers mean by what they say.

pub(crate) mod connection;
pub(crate) mod crowd;
pub(crate) mod frames;

use serde::{Deserialize, Serialize};

use crate::failure::{Outcome, unexpected};
use crate::helper::Helper;

/// How long a crowd waits for what it was told to expect.
const PATIENCE_MS: u64 = 120_000;
/// The argument that makes this program a crowd.
pub(crate) const CROWD: &str = "crowd";

/// Whom to connect to, and how.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Opening {
    /// `host:port`.
    pub(crate) address: String,
    /// The path, with its query.
    pub(crate) path: String,
    /// Headers of the handshake besides the necessary ones, each with its end of line; `{token}` stands for the
    /// connection's own.
    pub(crate) headers: String,
    /// One for each connection.
    pub(crate) tokens: Vec<String>,
    /// What to say first, with `{token}` in it too.
    pub(crate) first_message: Option<String>,
    /// How the text begins with which the server lets a connection in; without it that is in as soon as it has shaken
    /// hands.
    pub(crate) welcome: Option<String>,
    /// A text that asks whether anybody is there, and what is answered to it.
    pub(crate) sign_of_life: Option<(String, String)>,
    /// How many may be on their way at once.
    pub(crate) at_once: usize,
    /// Shorter texts do not count: what some servers send to see whether anybody is there.
    pub(crate) least_bytes: usize,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Expected {
    /// Text frames.
    Texts,
    /// Connections that the server closes.
    Closes,
}

/// An order for a crowd.
#[derive(Serialize, Deserialize)]
pub(crate) enum Order {
    /// Connect.
    Open(Opening),
    /// Connect once more as before, so many at once.
    Again(usize),
    /// From now on wait for so many of these, at most so many milliseconds.
    Expect(Expected, usize, u64),
    /// Cut all connections.
    Cut,
}

/// What a crowd says.
#[derive(Serialize, Deserialize)]
pub(crate) enum Told {
    /// Everybody is in, or refused: when each came in.
    Opened {
        /// When the first began to connect.
        began: u64,
        /// When each was in.
        times: Vec<u64>,
        /// How many were not let in, and what the first of them was told.
        refused: usize,
        /// Why.
        why: String,
    },
    /// Whatever comes from now on counts.
    Expecting,
    /// What was expected came.
    Heard {
        /// When.
        times: Vec<u64>,
        /// Bytes of the last text.
        bytes: usize,
    },
    /// All are cut.
    Cut,
}

/// When all were in.
pub(crate) struct Opened {
    /// When the first began.
    pub(crate) began: u64,
    /// When each was in.
    pub(crate) times: Vec<u64>,
}

impl Opened {
    /// Seconds from the beginning of the first to the last that was in.
    pub(crate) fn seconds(&self) -> f64 {
        let last = self.times.iter().copied().max().unwrap_or(self.began);
        crate::figures::real(last - self.began) / 1e9
    }
}

/// What was heard.
pub(crate) struct Heard {
    /// When each was.
    pub(crate) times: Vec<u64>,
    /// Bytes of a text.
    pub(crate) bytes: usize,
}

/// All clients.
pub(crate) struct Swarm {
    crowds: Vec<Helper>,
    shares: Vec<usize>,
    /// Texts that everyone waits for.
    texts_each: usize,
}

impl Swarm {
    /// So many processes.
    pub(crate) fn start(processes: usize) -> Outcome<Self> {
        let crowds = (0..processes).map(|_| Helper::start(&[CROWD]));
        Ok(Self {
            crowds: crowds.collect::<Outcome<_>>()?,
            shares: vec![0; processes],
            texts_each: 0,
        })
    }

    /// Connects all of them; fails if one is not let in.
    pub(crate) fn open(&mut self, opening: &Opening) -> Outcome<Opened> {
        let count = self.crowds.len();
        let size = opening.tokens.len().div_ceil(count).max(1);
        self.shares = vec![0; count];
        let shares = opening.tokens.chunks(size).zip(&mut self.shares);
        for (crowd, (tokens, share)) in self.crowds.iter_mut().zip(shares) {
            *share = tokens.len();
            crowd.say(&Order::Open(Opening {
                tokens: tokens.to_vec(),
                at_once: opening.at_once.div_ceil(count),
                ..opening.clone()
            }))?;
        }
        self.opened()
    }

    /// Connects all of them anew, so many at once in all.
    pub(crate) fn again(&mut self, at_once: usize) -> Outcome<Opened> {
        let each = at_once.div_ceil(self.crowds.len());
        for (crowd, _) in self.busy() {
            crowd.say(&Order::Again(each))?;
        }
        self.opened()
    }

    fn opened(&mut self) -> Outcome<Opened> {
        let mut all = Opened {
            began: u64::MAX,
            times: Vec::new(),
        };
        for (crowd, share) in self.busy() {
            let Told::Opened {
                began,
                times,
                refused,
                why,
            } = crowd.hear()?
            else {
                return Err(unexpected("a crowd was to say that it is in"));
            };
            if times.len() != share {
                return Err(unexpected(format!("{refused} were not let in: {why}")));
            }
            all.began = all.began.min(began);
            all.times.extend(times);
        }
        Ok(all)
    }

    /// Those that have connections, and how many.
    fn busy(&mut self) -> impl Iterator<Item = (&mut Helper, usize)> {
        let shares = self.shares.iter().copied();
        self.crowds
            .iter_mut()
            .zip(shares)
            .filter(|(_, share)| *share > 0)
    }

    /// How many connections there are.
    pub(crate) fn connections(&self) -> usize {
        self.shares.iter().sum()
    }

    /// From now on everyone waits for so many texts.
    pub(crate) fn expect_texts_each(&mut self, texts: usize) -> Outcome<()> {
        self.texts_each = texts;
        for (crowd, share) in self.busy() {
            expect(crowd, Expected::Texts, share * texts)?;
        }
        Ok(())
    }

    /// What all of them heard; fails if it was less than they waited for.
    pub(crate) fn heard(&mut self) -> Outcome<Heard> {
        let mut all = Heard {
            times: Vec::new(),
            bytes: 0,
        };
        for (crowd, _) in self.busy() {
            let heard = heard(crowd)?;
            all.times.extend(heard.times);
            all.bytes = heard.bytes;
        }
        let (came, expected) = (all.times.len(), self.connections() * self.texts_each);
        if came < expected {
            return Err(unexpected(format!("only {came} of {expected} texts came")));
        }
        Ok(all)
    }

    /// From now on the process of this connection waits for one of these.
    pub(crate) fn expect_one(&mut self, connection: usize, what: Expected) -> Outcome<()> {
        expect(self.crowd_of(connection)?, what, 1)
    }

    /// When it came, and how long it was.
    pub(crate) fn heard_one(&mut self, connection: usize) -> Outcome<(u64, usize)> {
        let heard = heard(self.crowd_of(connection)?)?;
        let time = heard.times.first().copied();
        let time = time.ok_or_else(|| unexpected("what was expected never came"))?;
        Ok((time, heard.bytes))
    }

    fn crowd_of(&mut self, connection: usize) -> Outcome<&mut Helper> {
        let mut before = 0;
        for (crowd, share) in self.busy() {
            before += share;
            if connection < before {
                return Ok(crowd);
            }
        }
        Err(unexpected("no such connection"))
    }

    /// Cuts all connections at once.
    pub(crate) fn cut(&mut self) -> Outcome<()> {
        for (crowd, _) in self.busy() {
            crowd.say(&Order::Cut)?;
        }
        for (crowd, _) in self.busy() {
            let Told::Cut = crowd.hear()? else {
                return Err(unexpected("a crowd was to say that it has cut"));
            };
        }
        Ok(())
    }

    /// Microseconds of processor time of all clients.
    pub(crate) fn cpu(&self) -> Outcome<u64> {
        self.crowds.iter().map(Helper::cpu).sum()
    }
}

fn expect(crowd: &mut Helper, what: Expected, count: usize) -> Outcome<()> {
    match crowd.ask(&Order::Expect(what, count, PATIENCE_MS))? {
        Told::Expecting => Ok(()),
        _ => Err(unexpected("a crowd was to say that it waits")),
    }
}

fn heard(crowd: &mut Helper) -> Outcome<Heard> {
    match crowd.hear()? {
        Told::Heard { times, bytes } => Ok(Heard { times, bytes }),
        _ => Err(unexpected("a crowd was to say what it heard")),
    }
}
