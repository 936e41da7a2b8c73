"""The acceptance scenario with Python's kazoo: kazoo_scenario.py HOST:PORT

One line is printed for each step; the first that fails ends the run with 1.
"""

import logging
import sys
import threading
import uuid

from kazoo.client import KazooClient
from kazoo.exceptions import (
    BadVersionError,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    RolledBackError,
    RuntimeInconsistency,
)
from kazoo.security import make_digest_acl

WAIT = 10  # seconds, for anything that has to happen
BASE = "/kazoo-" + uuid.uuid4().hex[:12]
STEPS = []


def step(function):
    STEPS.append(function)
    return function


def connect(address):
    client = KazooClient(hosts=address, timeout=10)
    client.start(timeout=WAIT)
    return client


def close(client):
    client.stop()
    client.close()


def same(got, want):
    if got != want:
        raise AssertionError("got %r, want %r" % (got, want))


def raises(error, function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except error:
        return
    raise AssertionError("%s was not raised" % error.__name__)


class Watch:
    """One watch: what it was told, and waiting for that."""

    def __init__(self):
        self.fired = threading.Event()
        self.event = None

    def __call__(self, event):
        self.event = event
        self.fired.set()

    def expect(self, kind, path):
        if not self.fired.wait(WAIT):
            raise AssertionError("no %s event for %s" % (kind, path))
        same((self.event.type, self.event.path), (kind, path))


@step
def create_and_read(zk, address):
    same(zk.create(BASE, b"root"), BASE)
    same(zk.create(BASE + "/a", b"one"), BASE + "/a")
    data, stat = zk.get(BASE + "/a")
    same((data, stat.version, stat.data_length, stat.ephemeralOwner), (b"one", 0, 3, 0))
    raises(NodeExistsError, zk.create, BASE + "/a")
    raises(NoNodeError, zk.create, BASE + "/no/parent")


@step
def set_and_versions(zk, address):
    same(zk.set(BASE + "/a", b"two").version, 1)
    same(zk.set(BASE + "/a", b"three", version=1).version, 2)
    raises(BadVersionError, zk.set, BASE + "/a", b"four", version=1)
    same(zk.get(BASE + "/a")[0], b"three")


@step
def empty_and_large_data(zk, address):
    large = bytes(range(256)) * 4000
    zk.create(BASE + "/large", large)
    same(zk.get(BASE + "/large")[0], large)
    zk.set(BASE + "/large", b"")
    same(zk.get(BASE + "/large")[0], b"")


@step
def list_with_stat(zk, address):
    names, stat = zk.get_children(BASE, include_data=True)
    same((sorted(names), stat.numChildren, stat.cversion), (["a", "large"], 2, 2))
    raises(NotEmptyError, zk.delete, BASE)


@step
def exists_watch_fires_on_create_and_delete(zk, address):
    watch = Watch()
    same(zk.exists(BASE + "/w", watch=watch), None)
    zk.create(BASE + "/w")
    watch.expect("CREATED", BASE + "/w")
    watch = Watch()
    same(zk.exists(BASE + "/w", watch=watch).version, 0)
    zk.delete(BASE + "/w")
    watch.expect("DELETED", BASE + "/w")


@step
def data_watch_fires_once(zk, address):
    watch = Watch()
    zk.get(BASE + "/a", watch=watch)
    zk.set(BASE + "/a", b"watched")
    watch.expect("CHANGED", BASE + "/a")
    watch.fired.clear()
    zk.set(BASE + "/a", b"not watched")
    zk.sync(BASE)
    same(watch.fired.is_set(), False)


@step
def child_watch_fires(zk, address):
    watch = Watch()
    zk.get_children(BASE, watch=watch)
    zk.create(BASE + "/child")
    watch.expect("CHILD", BASE)


@step
def sequentials(zk, address):
    names = [zk.create(BASE + "/s/n-", sequence=True, makepath=True) for _ in range(3)]
    same(names, [BASE + "/s/n-%010d" % i for i in range(3)])


@step
def ephemerals_vanish_at_close(zk, address):
    other = connect(address)
    path = other.create(BASE + "/e", ephemeral=True)
    same(zk.exists(path).ephemeralOwner, other.client_id[0])
    watch = Watch()
    zk.exists(path, watch=watch)
    close(other)
    watch.expect("DELETED", path)
    same(zk.exists(path), None)


@step
def multi_succeeds(zk, address):
    t = zk.transaction()
    t.create(BASE + "/m", b"m")
    t.create(BASE + "/m/q-", sequence=True)
    t.set_data(BASE + "/a", b"multi")
    t.check(BASE + "/m", 0)
    t.delete(BASE + "/child")
    results = t.commit()
    same(results[:2], [BASE + "/m", BASE + "/m/q-0000000000"])
    same(results[3:], [True, True])
    same(zk.get(BASE + "/a")[0], b"multi")
    same(zk.exists(BASE + "/child"), None)


@step
def multi_rolls_back(zk, address):
    t = zk.transaction()
    t.create(BASE + "/never")
    t.check(BASE + "/a", 99)
    t.set_data(BASE + "/a", b"never")
    results = t.commit()
    same([type(r) for r in results], [RolledBackError, BadVersionError, RuntimeInconsistency])
    same(zk.exists(BASE + "/never"), None)
    same(zk.get(BASE + "/a")[0], b"multi")


@step
def digest_acl_protects(zk, address):
    owner = connect(address)
    owner.add_auth("digest", "user:secret")
    owner.create(BASE + "/acl", b"mine", acl=[make_digest_acl("user", "secret", all=True)])
    same(owner.get(BASE + "/acl")[0], b"mine")
    raises(NoAuthError, zk.get, BASE + "/acl")
    raises(NoAuthError, zk.set, BASE + "/acl", b"yours")
    wrong = connect(address)
    wrong.add_auth("digest", "user:wrong")
    raises(NoAuthError, wrong.get, BASE + "/acl")
    close(wrong)
    acls, _ = owner.get_acls(BASE + "/acl")
    same(acls[0].id.scheme, "digest")
    close(owner)
    zk.delete(BASE + "/acl")  # the parent's ACL decides on that


@step
def lock_recipe(zk, address):
    other = connect(address)
    with zk.Lock(BASE + "/lock", "first"):
        same(other.Lock(BASE + "/lock", "second").acquire(blocking=False), False)
    with other.Lock(BASE + "/lock", "second"):
        pass
    close(other)


@step
def delete_and_tidy(zk, address):
    raises(BadVersionError, zk.delete, BASE + "/a", version=77)
    zk.delete(BASE + "/a")
    raises(NoNodeError, zk.get, BASE + "/a")
    zk.delete(BASE, recursive=True)
    same(zk.exists(BASE), None)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    logging.basicConfig(level=logging.ERROR)
    address = sys.argv[1]
    zk = connect(address)
    print("ok   connect")
    for function in STEPS:
        try:
            function(zk, address)
        except Exception as error:
            print("FAIL %s: %s: %s" % (function.__name__, type(error).__name__, error))
            sys.exit(1)
        print("ok   " + function.__name__)
    close(zk)
    print("ok   close")


if __name__ == "__main__":
    main()
