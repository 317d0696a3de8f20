"""Every key in the store: its type, how long it lives, and why.

layout            string  never             version of this layout
migrating         string  two minutes       the process that brings the layout up to date
schedule          zset    source's removal  source -> when it is due or its lease expires (ms)
source:NAME       hash    source's removal  `state`, lease `token`, `listed` guids, known `items`,
                                            a folder's `tree`, `reading` of an interrupted poll,
                                            `page_entries` and other counts: store/sources.py
lines             hash    source's removal  source -> digest of its request settings in feeds.yaml
unreachable       zset    the next answer   source -> when it became unreachable (ms)
network           hash    never             when sources were last retried, answered, started
probed            string  a minute or so    a host was tested just now: store/hosts.py
seen:NAME         hash    trimmed by polls  guid digest -> layout SEEN of store/layout.py
learned:NAME      string  source's removal  boilerplate learned from its last items
pending           zset    page read         entry id -> when its page is due (ms)
entry:ID          hash    dedup window      one entry; its body, if its story shows another one
url:HASH          zset    dedup window      entry ids under one address (for explain)
story:ID          hash    retention         `v` version, `doc` the compressed story
river             zset    retention         story id -> place in the feed
changes           stream  CHANGES_KEPT      new and changed stories; the service follows it
forgotten         zset    FORGOTTEN_KEPT    guid and address digests that `forget` keeps out
names             hash    NAMES_SECONDS     entry -> its story before a wipe: store/entries.py
names:partial     hash    a minute          the same while it is being written
choices           hash    CHOICES_KEPT      entry or story -> story where a person put it
metrics           hash    label limits      counters and histograms of the workers
worker:ID         string  HEARTBEAT_SECONDS a worker's last heartbeat
workers           zset    trimmed by beats  worker id -> time of its last heartbeat
process:ID        string  HEARTBEAT_SECONDS a process's last heartbeat, with its feeds.yaml
processes         zset    trimmed by beats  process id -> time of its last heartbeat
config            hash    never             the feeds.yaml that all follow: store/revision.py
config:history    zset    CONFIGS_KEPT      hash of each earlier revision -> when (ms)
floods            zset    a day             sources that lost stories for exceeding their share
yielded           zset    dedup window      stories that their source lost so -> when (ms)
dropped           zset    retention         story of a removed source -> place in the feed
dropped:ID        hash    retention         such a story, until its source returns
queue             zset    until taken       arq's jobs, for all workers: workers/queue.py
queue:...         string  HEALTH_SECONDS    arq's report of its worker
arrivals          zset    retention         story id -> when its founder arrived (ms)
wake              list    several seconds   wakes a sweeper: something became due out of turn
leases            string  never             counter for lease tokens
clock             string  never             the store's time (ms) at the last sweep
host:HOST:...     several waiting + lease   turns of the per-host limits: store/hosts.py
host:HOST:paused  string  set by the host   why nothing is fetched from it: store/hosts.py
subscription:ID   string  source's removal  a subscription at another hub: store/websub.py
subscriptions     zset    source's removal  subscription id -> when it is to be renewed (ms)
subscribed        hash    source's removal  source -> subscription id
pushes:NAME       list    PUSH_SECONDS      documents that a hub sent, oldest first
outbox            zset    until delivered   delivery id -> when it is due (ms): store/outbox.py
outbox:sizes      hash    until delivered   delivery id -> its bytes; `all`: their total
outbox:hub        zset    until delivered   the same for subscribers of our hub
outbox:hub:sizes  hash    until delivered   the same for these
delivery:ID       string  DELIVERY_SECONDS  one delivery; empty once it is done
failing:HOST      string  a day             consecutive failures of a target of deliveries
resting:HOST      string  ten minutes       such a target gets no deliveries just now
given_up          hash    a day             host -> deliveries to it that were given up, and why
hub               hash    lease or 410      subscribers of our feeds: store/websub.py
hub:kept:WHO      zset    lease             subscriptions of a callback host, or of a client
verifications     zset    ten minutes       verification id -> when its callback is requested (ms)
verification:ID   string  VERIFICATION_...  a subscription that its callback must confirm
hub:waiting:WHO   zset    ten minutes       verifications of a callback host, or of a client
hub:next:HOST     string  seconds           when the host's next callback may be requested
hub:silent:HOST   string  an hour           consecutive verifications that a host did not answer
publisher         string  several seconds   the process that fills the outbox
publisher:hub     string  several seconds   the process that fills outbox:hub
published         string  never             the position in `changes` that the first reached
published:hub     string  never             the position in `changes` that the second reached
robots:ORIGIN     string  ROBOTS_SECONDS    robots.txt of a site, or that it has none
asks:ORIGIN       string  a minute or so    a worker is fetching the robots.txt of a site
ix:...            several dedup window      the duplicate index: store/lua/index.lua
secret            string  never             signs addresses and requests: store/migration.py
idf:table         string  IDF_DAYS          learned frequencies of text, up to a delta
idf:deltas        stream  IDF_DELTAS_KEPT   frequencies learned since then: store/index.py
"""

from __future__ import annotations

from collections.abc import Callable

PREFIX = "millrace:"
LAYOUT_VERSION = 2

CHANGES_KEPT = 20_000  # elements; enough for a reader to resume after an evening
FORGOTTEN_KEPT = 100_000
CHOICES_KEPT = 20_000
CONFIGS_KEPT = 50  # hashes; a file older than this many edits counts as a new edit
NAMES_SECONDS = 30 * 86_400
NAMES_KEPT = 100_000  # beyond this none are added
HEARTBEAT_SECONDS = 15
IDF_DELTAS_KEPT = 1000  # more than are written between two tables
IDF_DAYS = 90
DELIVERY_SECONDS = 2 * 86_400
VERIFICATION_SECONDS = 600
ROBOTS_SECONDS = 86_400  # RFC 9309: a day at most

ORDER_SLOTS = 2048  # feed positions that fit beside a millisecond in a 53-bit score until 2109

LAYOUT = PREFIX + "layout"
MIGRATING = PREFIX + "migrating"
SCHEDULE = PREFIX + "schedule"
UNREACHABLE = PREFIX + "unreachable"
NETWORK = PREFIX + "network"
PROBED = PREFIX + "probed"
LINES = PREFIX + "lines"
PENDING = PREFIX + "pending"
RIVER = PREFIX + "river"
ARRIVALS = PREFIX + "arrivals"
QUEUE = PREFIX + "queue"
WAKE = PREFIX + "wake"
LEASES = PREFIX + "leases"
CLOCK = PREFIX + "clock"
CHANGES = PREFIX + "changes"
FORGOTTEN = PREFIX + "forgotten"
CHOICES = PREFIX + "choices"
NAMES = PREFIX + "names"
OUTBOX = PREFIX + "outbox"
OUTBOX_SIZES = PREFIX + "outbox:sizes"
HUB_OUTBOX = PREFIX + "outbox:hub"
HUB_OUTBOX_SIZES = PREFIX + "outbox:hub:sizes"
GIVEN_UP = PREFIX + "given_up"
HUB = PREFIX + "hub"
VERIFICATIONS = PREFIX + "verifications"
PUBLISHER = PREFIX + "publisher"
PUBLISHED = PREFIX + "published"
HUB_PUBLISHER = PREFIX + "publisher:hub"
HUB_PUBLISHED = PREFIX + "published:hub"
METRICS = PREFIX + "metrics"
SECRET = PREFIX + "secret"
IDF_TABLE = PREFIX + "idf:table"
IDF_DELTAS = PREFIX + "idf:deltas"
WORKERS = PREFIX + "workers"
PROCESSES = PREFIX + "processes"
CONFIG = PREFIX + "config"
CONFIG_HISTORY = PREFIX + "config:history"
DROPPED = PREFIX + "dropped"
FLOODS = PREFIX + "floods"
YIELDED = PREFIX + "yielded"
SUBSCRIPTIONS = PREFIX + "subscriptions"
SUBSCRIBED = PREFIX + "subscribed"


def _family(kind: str) -> Callable[[str], str]:
    """The function that makes the keys of one kind, `KIND:NAME`."""
    return lambda name: f"{PREFIX}{kind}:{name}"


source = _family("source")
seen = _family("seen")
learned = _family("learned")
pushes = _family("pushes")  # these four by the name of a source
entry = _family("entry")
story = _family("story")
dropped = _family("dropped")
delivery = _family("delivery")
verification = _family("verification")
subscription = _family("subscription")
url = _family("url")  # by the digest of an address
robots = _family("robots")
robots_claim = _family("asks")  # these two by the origin of a site
failing = _family("failing")
resting = _family("resting")
hub_next = _family("hub:next")
hub_silent = _family("hub:silent")  # these four by a host


def host(name: str, part: str) -> str:
    """A key of a host: `state`, `running`, `promised` or `refused` of its turns, or `paused`."""
    return f"{PREFIX}host:{name}:{part}"


def hub_waiting(kind: str, who: str) -> str:
    """Verifications of a `host` or a `client`."""
    return f"{PREFIX}hub:waiting:{kind}:{who}"


def hub_kept(kind: str, who: str) -> str:
    """Subscriptions of a `host` or a `client`."""
    return f"{PREFIX}hub:kept:{kind}:{who}"


def heartbeat(kind: str, beat_id: str) -> str:
    """The last heartbeat of a `worker` or a `process`."""
    return f"{PREFIX}{kind}:{beat_id}"


def river_score(first_seen_ms: int, order: int) -> float:
    """Place in the feed: newest first, then feed order. ZREVRANGE reads it from the top."""
    return float(first_seen_ms * ORDER_SLOTS + (ORDER_SLOTS - 1 - min(order, ORDER_SLOTS - 1)))
