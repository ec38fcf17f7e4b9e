/* Revocation across cores: when the memory of an object may become something else.
 *
 * What is modelled: the lookup of a capability (`Kernel.find`), an operation that uses the object and may put it into
 * another core's inbox, `drainInbox`, and the grace period of `revoke`: empty the slot, then twice: count up the board's
 * epoch, interrupt every core, and answer `again` until each has worked off what lay in its inbox then. See README.md.
 * An entry of `drainInbox` takes the list out of the inbox, and works off some of it; the rest is `unread`, for further entries.
 *
 * Core 0 revokes. Cores 1 and 2 keep looking the slot up and using what they find; core 2 revokes something else meanwhile
 * and counts the epoch up too. Object 1 is a notification until its memory is reused; object 2 is of another kind and
 * may be put into the slot as soon as that is empty (with PUBLISH_EARLY object 3, a notification). An operation is atomic for its own core's interrupts only.
 *
 * Claims. In `touch`: nobody uses object 1 after it was reused, nor object 2 as a notification. In `reuse`: no inbox
 * holds object 1. With FAIR (a liveness check under weak fairness; one revoker): it ends, whatever the others do, as long as they
 * take interrupts between operations.
 */
// check: pass
// check: pass fair
// check: fail -DROUNDS=1      one round: an operation in flight puts the object into an inbox that was drained already
// check: fail -DNO_RECHECK    lookup does not compare the header again: the slot was emptied and filled in between
// check: fail -DQUIET_FIRST   a core says that it was quiet before it drains its inbox
// check: fail -DEPOCH_LATE    a core reads the epoch after it has drained its inbox
// check: fail -DEPOCH_EACH    each entry reads the epoch, also one that goes on with an old list
// check: fail -DOWN_INBOX     the revoker leaves its own inbox out
// check: fail -DFORWARD       draining puts the object into another core's inbox
// check: fail -DPUBLISH_EARLY a slot is filled with its header first
// check: fail fair -DNO_INTERRUPT  the revoker waits for the others to take an interrupt by themselves
// check: fail fair -DNO_RETURN  an entry that goes on with an old list has no other follow it

#ifndef ROUNDS
#define ROUNDS 2
#endif

#ifdef OWN_INBOX
#define ownIsQuiet(goal) true
#else
#define ownIsQuiet(goal) (quiet[0] >= goal)
#endif

#define FREE 0                          /* Capability.kind */
#define NOTIFICATION 1
#define OTHER 2
#define header(version, kind) ((version) * 4 + (kind))
#define kindOf(h) ((h) & 3)

byte slotHeader = header(0, NOTIFICATION);  /* Capability: version and kind, one word */
byte slotObject = 1;                    /* Capability.object */
bit  reused;                            /* the memory of object 1 is something else */
bit  queued;                            /* Notification.inboxQueued of object 1 */
bit  inbox[3];                          /* object 1 is in core n's inbox */
bit  ipi[3];
byte epoch;                             /* Board.epoch */
byte quiet[3];                          /* Core.quiet */
#define ITEM 1
#define OTHERS 2
byte unread[3];                         /* Core.unread: nothing, object 1, or others */
bit  isLate;                            /* there were others, once */
byte seen[3];                           /* Core.unreadEpoch */
bit  finished;

inline touch(o) { assert(o == 3 || (o == 1 && !reused)) }

/* Inbox.swift: drainInbox, in a handler of core `me`. Of what may lie in the inbox the model knows object 1 alone, and that others may
 * have been with it, or there before it: then the batch is used up, and the rest is left to a further entry. */
inline drain(me) {
    atomic {
        old = unread[me] != 0;                          /* let isContinued = core.unread != 0 */
        if
#ifdef EPOCH_EACH
        :: true -> seen[me] = epoch
#elif !defined(EPOCH_LATE)
        :: !old -> seen[me] = epoch                     /* core.unreadEpoch = board.epoch.load() */
#endif
        :: else
        fi
    };
#ifdef QUIET_FIRST
    quiet[me] = seen[me];
#endif
    atomic {
        if
        :: old
        :: !old && inbox[me] -> inbox[me] = 0; unread[me] = ITEM        /* core.unread = core.inbox.exchange(0) */
        :: !old && !inbox[me] && me == 1 && !isLate -> isLate = 1; unread[me] = OTHERS
        :: !old && !inbox[me]
        fi
    };
    if
    :: unread[me] == OTHERS && old -> unread[me] = 0
    :: unread[me] == OTHERS && !old
    :: unread[me] == ITEM ->
        atomic {
            touch(1);                                   /* core.unread = inboxNext */
            unread[me] = 0;
            queued = 0                                  /* inboxQueued.store(0) */
        };
        touch(1)                                        /* tell */
#ifdef FORWARD
        ;
        if :: me == 1 -> post(2) :: me == 2 -> post(1) :: else fi
#endif
    :: unread[me] == ITEM && !old                       /* the batch was used up before it */
    :: unread[me] == 0
    fi;
#ifdef EPOCH_LATE
    seen[me] = epoch;
#endif
    atomic {
        if
#ifndef QUIET_FIRST
        :: unread[me] == 0 -> quiet[me] = seen[me]      /* core.quiet.store(core.unreadEpoch) */
#endif
        :: else
        fi;
        if
#ifndef NO_RETURN
        :: old || unread[me] != 0 -> ipi[me] = 1        /* M.interrupt(core.id) */
#else
        :: unread[me] != 0 -> ipi[me] = 1
#endif
        :: else
        fi;
        old = 0
    }
}

/* Inbox.swift: post */
inline post(to) {
    atomic { was = queued; queued = 1 };                /* inboxQueued.exchange(1) */
    if
    :: !was -> inbox[to] = 1; ipi[to] = 1
    :: else
    fi;
    was = 0
}

/* An operation on the slot, say `signal`. */
inline operation(me) {
    h = slotHeader;                                     /* the header: kind, rights, version */
    if
    :: kindOf(h) == NOTIFICATION ->
        o = slotObject;                                 /* orderLoads; the object */
#ifdef NO_RECHECK
        again = h;
#else
        again = slotHeader;                             /* orderLoads; the header again */
#endif
        if
        :: again == h ->
            touch(o);                                   /* bits.set(bits), the sink */
            if
            :: post(0)
            :: me != 1 -> post(1)
            :: me != 2 -> post(2)
            :: skip
            fi;
            touch(o)
        :: else                                         /* badCapability */
        fi
    :: else
    fi;
    h = 0; o = 0; again = 0
}

inline worker(me) {
    do
    :: ipi[me] -> ipi[me] = 0; drain(me)
    :: !ipi[me] -> operation(me)
#ifndef FAIR
    :: me == 2 && !ipi[me] && !hasRevoked ->            /* another revoker counts up too */
        hasRevoked = 1;
        atomic { epoch = epoch + 1 };
        ipi[0] = 1; ipi[1] = 1; ipi[2] = 1
#endif
    od
}

active proctype core1() {
    byte h, o, again; bit was, old, hasRevoked;
    worker(1)
}

active proctype core2() {
    byte h, o, again; bit was, old, hasRevoked;
    worker(2)
}

/* Fills the free slot with another object: `publish`. */
inline publish() {
#ifdef PUBLISH_EARLY
    slotHeader = header(1, NOTIFICATION); slotObject = 3
#else
    slotObject = 2; slotHeader = header(1, OTHER)       /* orderStores between them */
#endif
}

active proctype core0() {
    byte goal, round; bit old, was, isFilled;
    slotHeader = header(1, FREE);                       /* revoke: kind none, the next version */
    do
    :: round == ROUNDS -> break
    :: else ->
        round++;
        atomic { epoch = epoch + 1; goal = epoch };     /* board.epoch.add(1) */
#ifndef NO_INTERRUPT
#ifndef OWN_INBOX
        ipi[0] = 1;
#endif
        ipi[1] = 1; ipi[2] = 1;                         /* M.interrupt, each core */
#endif
        do                                              /* `again`: the caller runs and repeats the operation */
        :: ipi[0] -> ipi[0] = 0; drain(0)
        :: !isFilled -> isFilled = 1; publish()
        :: ownIsQuiet(goal) && quiet[1] >= goal && quiet[2] >= goal -> break    /* core.quiet.load(), each */
        od
    od;
    /* reuse: the region's memory is turned into something else. */
    assert(!inbox[0] && !inbox[1] && !inbox[2]);
    assert(unread[0] != ITEM && unread[1] != ITEM && unread[2] != ITEM);
    atomic { reused = 1; finished = 1 };
    do
    :: ipi[0] -> ipi[0] = 0; drain(0)
    od
}

#ifdef FAIR
ltl ends { <> finished }
#endif
