//! Every numeric bound of the service, each with its unit in its name.

use std::time::Duration;

/// Longest CA id, in digits.
pub const CA_ID_DIGITS_MAX: usize = 10;
/// Shortest E.164 number we dial, in digits after the plus sign.
pub const E164_DIGITS_MIN: usize = 8;
/// Longest E.164 number (ITU-T E.164), in digits after the plus sign.
pub const E164_DIGITS_MAX: usize = 15;

/// Longest value of one element of a civic address, in bytes (RFC 4776 section 3.3).
pub const CIVIC_VALUE_BYTES_MAX: usize = 255;
/// Longest civic address as it is written, in bytes: an INVITE that carries it, with all of it
/// escaped, stays far below what gateways take.
pub const CIVIC_LOCATION_BYTES_MAX: usize = 1024;

/// Largest PIDF-LO that is read, in bytes: the longest address with every sign escaped, and what
/// others write around it.
pub const PIDF_BYTES_MAX: usize = 16 * 1024;
/// An account is registered at another place once in so much time, on average (RFC 9248 section
/// 5.2.5 wants updates limited in rate).
pub const LOCATION_INTERVAL: Duration = Duration::from_secs(10);

/// Largest SIP message or WebSocket frame, in bytes.
pub const SIP_MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Most header fields in one SIP message.
pub const SIP_HEADERS_MAX: usize = 256;
/// Longest single SIP header line, in bytes.
pub const SIP_HEADER_LINE_BYTES_MAX: usize = 8 * 1024;
/// Largest SDP body, in bytes.
pub const SDP_BYTES_MAX: usize = 64 * 1024;
/// Most m-lines in one SDP.
pub const SDP_MEDIA_MAX: usize = 16;
/// Largest datagram we send on a media leg, in bytes, SRTP included.
pub const MEDIA_DATAGRAM_BYTES_MAX: usize = 1200;
/// Largest datagram we pass on from one media leg to another, in bytes, SRTP included: what fits
/// into one Ethernet frame over IPv6.
pub const FORWARDED_DATAGRAM_BYTES_MAX: usize = 1452;

/// Most seats (sessions, and their second interpreters) that may wait for an interpreter.
pub const QUEUE_SESSIONS_MAX: usize = 10_000;
/// Most devices of one account registered at once.
pub const BINDINGS_PER_ACCOUNT_MAX: usize = 10;
/// Most connections to the secure port at once.
pub const CONNECTIONS_MAX: usize = 10_000;
/// Most connections from one address at once.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 200;
/// Messages waiting to be written to one connection; past it the connection is cut.
pub const CONNECTION_QUEUE_MESSAGES_MAX: usize = 256;
/// Bytes of real-time text that one leg may have waiting.
pub const TEXT_PENDING_BYTES_MAX: usize = 4096;

/// How long an interpreter is asked before the next one is.
pub const INVITATION_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a caller waits for the interpreter they wished for before anybody may come.
pub const WISH_PATIENCE: Duration = Duration::from_secs(30);
/// Invitations in a row that an interpreter may leave unanswered before they count as away.
pub const MISSED_INVITATIONS_MAX: u32 = 2;
/// Calls of one interpreter that are remembered to measure how busy they were.
pub const RECENT_CALLS_MAX: usize = 128;
/// How long the telephone may ring before the call ends as not answered.
pub const HEARING_RING_TIMEOUT: Duration = Duration::from_secs(180);
/// An interpreter stays with a call for this long of conversation, save for named reasons
/// (47 CFR 64.604(a)(1)(v); domain list F4).
pub const RELIEF_AFTER: Duration = Duration::from_secs(600);
/// How long a conversation that lost its interpreter waits for another one.
pub const REASSIGN_TIMEOUT: Duration = Duration::from_secs(300);
/// A lost party of an emergency call is called back this often at most (domain list F21).
pub const EMERGENCY_RECALLS_MAX: u32 = 12;
/// The time before the first of these calls that is not made at once; each further one waits for
/// so much longer.
pub const EMERGENCY_RECALL_PAUSE: Duration = Duration::from_secs(2);
/// How long a leg may be without packets before it counts as gone.
pub const MEDIA_IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// A handshake (TLS, WebSocket) must be done within this time.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// A WebSocket ping is sent this often, and the flow is dead when no byte came for three of them.
pub const WEBSOCKET_PING_INTERVAL: Duration = Duration::from_secs(25);
/// Real-time text is sent this often while there is any (RFC 4103 section 5.1).
pub const TEXT_INTERVAL: Duration = Duration::from_millis(300);
/// Redundant generations carried with each text packet (RFC 9248 section 6.2).
pub const TEXT_REDUNDANCY: usize = 2;
/// People whose text one connection carries at once.
pub const TEXT_WRITERS_MAX: usize = 8;
/// Longest name of one of them, in bytes.
pub const TEXT_NAME_BYTES_MAX: usize = 48;
/// At most one key frame is asked for in this time.
pub const KEYFRAME_INTERVAL_MIN: Duration = Duration::from_millis(500);
/// The journal gathers records for this long before one fsync.
pub const JOURNAL_GROUP_COMMIT: Duration = Duration::from_millis(2);
/// Largest journal record, in bytes.
pub const JOURNAL_RECORD_BYTES_MAX: usize = 16 * 1024;
