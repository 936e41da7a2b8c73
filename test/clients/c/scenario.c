/*
 * The acceptance scenario with ZooKeeper's C client: scenario HOST:PORT
 *
 * Build: gcc -Wall -o scenario scenario.c -lzookeeper_mt
 * (Debian: libzookeeper-mt-dev). One line is printed for each step; the first
 * that fails ends the run with 1.
 */
#ifndef THREADED
#define THREADED
#endif
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

#define WAIT_SECONDS 10
#define PATH 256

static const char *step = "connect";
static char base[64];

static void fail(const char *what, int code) {
    printf("FAIL %s: %s (%d: %s)\n", step, what, code, zerror(code));
    exit(1);
}

/* want ends the run unless the call answered the code that the step is about. */
static void want(const char *call, int got, int code) {
    if (got != code) fail(call, got);
}

#define OK(call) want(#call, call, ZOK)
#define CODE(code, call) want(#call, call, code)
#define TRUE(condition) \
    do { if (!(condition)) fail(#condition, 0); } while (0)

static void begin(const char *name) { step = name; }
static void end(void) { printf("ok   %s\n", step); }

static char *at(char *buffer, const char *suffix) {
    snprintf(buffer, PATH, "%s%s", base, suffix);
    return buffer;
}

/* One event slot is enough: each step waits for its own event. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t fired = PTHREAD_COND_INITIALIZER;
static int connected, event_type;
static char event_path[PATH];

static void watcher(zhandle_t *zh, int type, int state, const char *path, void *context) {
    (void)zh; (void)context;
    pthread_mutex_lock(&lock);
    if (type == ZOO_SESSION_EVENT) {
        if (state == ZOO_CONNECTED_STATE) connected++;
    } else {
        event_type = type;
        snprintf(event_path, sizeof event_path, "%s", path);
    }
    pthread_cond_broadcast(&fired);
    pthread_mutex_unlock(&lock);
}

static struct timespec deadline(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += WAIT_SECONDS;
    return t;
}

static zhandle_t *open_session(const char *address) {
    struct timespec t = deadline();
    pthread_mutex_lock(&lock);
    int before = connected;
    zhandle_t *zh = zookeeper_init(address, watcher, 10000, NULL, NULL, 0);
    if (zh == NULL) fail("zookeeper_init", 0);
    while (connected == before)
        if (pthread_cond_timedwait(&fired, &lock, &t) != 0) fail("no connection", 0);
    pthread_mutex_unlock(&lock);
    return zh;
}

static void expect_event(int type, const char *path) {
    struct timespec t = deadline();
    pthread_mutex_lock(&lock);
    while (event_type == 0)
        if (pthread_cond_timedwait(&fired, &lock, &t) != 0) fail("no event", 0);
    TRUE(event_type == type && strcmp(event_path, path) == 0);
    event_type = 0;
    pthread_mutex_unlock(&lock);
}

static void create(zhandle_t *zh, const char *path, const char *data) {
    OK(zoo_create(zh, path, data, (int)strlen(data), &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
}

static void data_is(zhandle_t *zh, const char *path, const char *data) {
    char buffer[PATH];
    int length = sizeof buffer;
    OK(zoo_get(zh, path, 0, buffer, &length, NULL));
    TRUE(length == (int)strlen(data) && memcmp(buffer, data, (size_t)length) == 0);
}

static void create_read_set(zhandle_t *zh) {
    char a[PATH], p[PATH];
    struct Stat stat;
    begin("create");
    create(zh, base, "root");
    create(zh, at(a, "/a"), "one");
    CODE(ZNODEEXISTS, zoo_create(zh, a, "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
    CODE(ZNONODE, zoo_create(zh, at(p, "/no/parent"), "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
    end();

    begin("read");
    data_is(zh, a, "one");
    OK(zoo_exists(zh, a, 0, &stat));
    TRUE(stat.version == 0 && stat.dataLength == 3 && stat.ephemeralOwner == 0);
    CODE(ZNONODE, zoo_exists(zh, at(p, "/nope"), 0, &stat));
    end();

    begin("set");
    OK(zoo_set2(zh, a, "two", 3, 0, &stat));
    TRUE(stat.version == 1);
    CODE(ZBADVERSION, zoo_set(zh, a, "three", 5, 0));
    data_is(zh, a, "two");
    end();

    begin("list with stat");
    struct String_vector names;
    OK(zoo_get_children2(zh, base, 0, &names, &stat));
    TRUE(names.count == 1 && strcmp(names.data[0], "a") == 0);
    TRUE(stat.numChildren == 1 && stat.cversion == 1);
    deallocate_String_vector(&names);
    CODE(ZNOTEMPTY, zoo_delete(zh, base, -1));
    end();
}

static void watches(zhandle_t *zh) {
    char p[PATH], buffer[PATH];
    int length = sizeof buffer;
    struct String_vector names;
    begin("exists watch");
    CODE(ZNONODE, zoo_exists(zh, at(p, "/w"), 1, NULL));
    create(zh, p, "");
    expect_event(ZOO_CREATED_EVENT, p);
    OK(zoo_exists(zh, p, 1, NULL));
    OK(zoo_delete(zh, p, -1));
    expect_event(ZOO_DELETED_EVENT, p);
    end();

    begin("data watch");
    OK(zoo_get(zh, at(p, "/a"), 1, buffer, &length, NULL));
    OK(zoo_set(zh, p, "watched", 7, -1));
    expect_event(ZOO_CHANGED_EVENT, p);
    end();

    begin("child watch");
    OK(zoo_get_children(zh, base, 1, &names));
    deallocate_String_vector(&names);
    create(zh, at(p, "/child"), "");
    expect_event(ZOO_CHILD_EVENT, base);
    end();
}

static void sequentials(zhandle_t *zh) {
    char p[PATH], want_path[PATH], got[PATH], suffix[32];
    begin("sequentials");
    create(zh, at(p, "/s"), "");
    at(p, "/s/n-");
    for (int i = 0; i < 3; i++) {
        OK(zoo_create(zh, p, "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_SEQUENCE, got, sizeof got));
        snprintf(suffix, sizeof suffix, "/s/n-%010d", i);
        TRUE(strcmp(got, at(want_path, suffix)) == 0);
    }
    end();
}

static void ephemerals(zhandle_t *zh, const char *address) {
    char p[PATH];
    struct Stat stat;
    begin("ephemerals vanish at close");
    zhandle_t *other = open_session(address);
    OK(zoo_create(other, at(p, "/e"), "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, 0));
    OK(zoo_exists(zh, p, 1, &stat));
    TRUE(stat.ephemeralOwner == zoo_client_id(other)->client_id);
    OK(zookeeper_close(other));
    expect_event(ZOO_DELETED_EVENT, p);
    CODE(ZNONODE, zoo_exists(zh, p, 0, NULL));
    end();
}

static void multi(zhandle_t *zh) {
    char m[PATH], q[PATH], a[PATH], child[PATH], never[PATH], got[2][PATH];
    struct Stat stat;
    zoo_op_t ops[5];
    zoo_op_result_t results[5];
    at(a, "/a"), at(m, "/m"), at(q, "/m/q-"), at(child, "/child"), at(never, "/never");

    begin("multi succeeds");
    zoo_create_op_init(&ops[0], m, "m", 1, &ZOO_OPEN_ACL_UNSAFE, 0, got[0], PATH);
    zoo_create_op_init(&ops[1], q, "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_SEQUENCE, got[1], PATH);
    zoo_set_op_init(&ops[2], a, "multi", 5, -1, &stat);
    zoo_check_op_init(&ops[3], m, 0);
    zoo_delete_op_init(&ops[4], child, -1);
    OK(zoo_multi(zh, 5, ops, results));
    for (int i = 0; i < 5; i++) TRUE(results[i].err == ZOK);
    TRUE(strcmp(got[0], m) == 0);
    TRUE(strlen(got[1]) == strlen(q) + 10);
    TRUE(stat.dataLength == 5);
    data_is(zh, a, "multi");
    end();

    begin("multi rolls back");
    zoo_create_op_init(&ops[0], never, "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    zoo_check_op_init(&ops[1], a, 99);
    zoo_set_op_init(&ops[2], a, "never", 5, -1, NULL);
    CODE(ZBADVERSION, zoo_multi(zh, 3, ops, results));
    TRUE(results[0].err == ZOK);
    TRUE(results[1].err == ZBADVERSION);
    TRUE(results[2].err == ZRUNTIMEINCONSISTENCY);
    CODE(ZNONODE, zoo_exists(zh, never, 0, NULL));
    data_is(zh, a, "multi");
    end();
}

static pthread_cond_t authed = PTHREAD_COND_INITIALIZER;
static int auth_code = 1;

static void auth_done(int code, const void *data) {
    (void)data;
    pthread_mutex_lock(&lock);
    auth_code = code;
    pthread_cond_broadcast(&authed);
    pthread_mutex_unlock(&lock);
}

static void acl(zhandle_t *zh, const char *address) {
    char p[PATH], buffer[PATH];
    int length = sizeof buffer;
    begin("digest acl");
    zhandle_t *owner = open_session(address);
    OK(zoo_add_auth(owner, "digest", "user:secret", 11, auth_done, NULL));
    struct timespec t = deadline();
    pthread_mutex_lock(&lock);
    while (auth_code == 1)
        if (pthread_cond_timedwait(&authed, &lock, &t) != 0) fail("no answer to add_auth", 0);
    pthread_mutex_unlock(&lock);
    want("add_auth", auth_code, ZOK);
    OK(zoo_create(owner, at(p, "/acl"), "mine", 4, &ZOO_CREATOR_ALL_ACL, 0, NULL, 0));
    data_is(owner, p, "mine");
    CODE(ZNOAUTH, zoo_get(zh, p, 0, buffer, &length, NULL));
    CODE(ZNOAUTH, zoo_set(zh, p, "yours", 5, -1));
    struct ACL_vector list;
    OK(zoo_get_acl(owner, p, &list, NULL));
    TRUE(list.count == 1 && strcmp(list.data[0].id.scheme, "digest") == 0);
    deallocate_ACL_vector(&list);
    OK(zookeeper_close(owner));
    end();
}

static void tidy(zhandle_t *zh) {
    static const char *left[] = {"/acl", "/s/n-0000000000", "/s/n-0000000001", "/s/n-0000000002",
                                 "/s", "/m/q-0000000000", "/m", "/a", ""};
    char p[PATH];
    begin("delete");
    CODE(ZBADVERSION, zoo_delete(zh, at(p, "/a"), 77));
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) OK(zoo_delete(zh, at(p, left[i]), -1));
    CODE(ZNONODE, zoo_exists(zh, base, 0, NULL));
    end();
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: scenario HOST:PORT\n");
        return 2;
    }
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    setlinebuf(stdout);
    snprintf(base, sizeof base, "/c-%d-%ld", (int)getpid(), (long)time(NULL));
    zhandle_t *zh = open_session(argv[1]);
    end();
    create_read_set(zh);
    watches(zh);
    sequentials(zh);
    ephemerals(zh, argv[1]);
    multi(zh);
    acl(zh, argv[1]);
    tidy(zh);
    begin("close");
    OK(zookeeper_close(zh));
    end();
    return 0;
}
