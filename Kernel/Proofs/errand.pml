/* Errands: a revoker needs another core to end something of that core's, and leaves it a note.
 *
 * What is modelled: `revoke`, when it comes to a node (a capability or binding of the derivation tree) that only the core of
 * its context can end; that core's handler of the inbox interrupt; and another revoker that comes to the same node. Each
 * core has one errand slot, an atomic word with a node's address, set and done under the structure lock. See README.md.
 * InterleavingErrandTests plays the same on the code.
 *
 * Two nodes belong to core 1. Cores 0 and 2 revoke what both are below of; so does a component of core 1, which can end
 * them at once. Core 1 may also lose interest in a node by itself (its thread has stopped): then any core can end it.
 *
 * Claims. In `finalise`: a node is ended once. In `release`: while the lock is free no errand names a node that is gone.
 * In `watch`, when nothing moves any more: both nodes are gone, no errand is left. With FAIR: every revoker ends.
 */
// check: pass
// check: pass fair
// check: fail -DNO_CLEAR      who ends a node leaves the errand that names it
// check: fail -DSTALE         the handler reads the errand before it takes the lock
// check: fail -DNO_LOCK       the handler takes no lock
// check: fail fair -DOUTSIDE  the errand is set after the interrupt, outside the lock
// check: fail fair -DUNFAIR   the lock is a bare exchange: the core that should do the errand never gets it

byte tickets, serving;                  /* Board.structure: who takes a ticket waits until it is served */
byte errand;                            /* of core 1: 0, or 1 + a node */
bit  ipi;                               /* at core 1 */
bit  gone[2];                           /* the node's memory is something else */
bit  free[2];                           /* the core that the node belongs to has let go: running == 0 */
byte finished;                          /* revokers that have answered `ok` */

/* Kernel.swift: exclusively */
inline acquire() {
#ifdef UNFAIR
    atomic { serving == 0 -> serving = 1 }
#else
    atomic { ticket = tickets; tickets = (tickets + 1) % 4 };   /* tickets.increment() */
    serving == ticket                                   /* while serving.load() != ticket { M.relax() } */
#endif
}

inline release() {
    atomic {
        assert(errand == 0 || !gone[errand - 1]);
#ifdef UNFAIR
        serving = 0
#else
        serving = (serving + 1) % 4;                    /* serving.store(ticket &+ 1) */
        ticket = 0
#endif
    }
}

/* Under the lock. */
inline finalise(n) {
    assert(!gone[n]);
    gone[n] = 1;
#ifndef NO_CLEAR
    if :: errand == n + 1 -> errand = 0 :: else fi      /* every core's slot, if it names this node */
#endif
}

/* One entry of `revoke` on another core than the node's: the first node that is left; true `ended` if there is none. */
inline revokeStep() {
    acquire();
    n = 0;
    if :: gone[0] -> n = 1 :: else fi;
    if
    :: gone[n] -> ended = 1; release()
    :: !gone[n] && free[n] -> finalise(n); release()
    :: !gone[n] && !free[n] ->
#ifdef OUTSIDE
        if
        :: errand == 0 -> ipi = 1; serving = (serving + 1) % 4; errand = n + 1
        :: else -> release()
        fi
#else
        if
        :: errand == 0 -> errand = n + 1; ipi = 1       /* errand.store(node); M.interrupt */
        :: else                                         /* busy with another: `again` */
        fi;
        release()
#endif
    fi
}

inline revoker() {
    do
    :: ended -> break
    :: else -> revokeStep()                             /* `again`: the caller repeats the operation */
    od;
    atomic { finished++ }
}

active proctype core0() {
    byte n, ticket; bit ended;
    revoker()
}

active proctype core2() {
    byte n, ticket; bit ended;
    revoker()
}

/* Core 1, in its handler of the inbox interrupt. */
inline handle() {
#ifdef STALE
    todo = errand;
    if
    :: todo != 0 ->
        acquire();
#else
    if
    :: errand != 0 ->                                   /* errand.load() != 0: else there is no need for the lock */
#ifndef NO_LOCK
        acquire();
#endif
        todo = errand;                                  /* errand.load() */
#endif
        if
        :: todo != 0 ->
            free[todo - 1] = 1;                         /* stop(core, context), or whatever it is */
            finalise(todo - 1);
            errand = 0                                  /* errand.store(0) */
        :: else                                         /* somebody else has ended it meanwhile */
        fi;
#ifndef NO_LOCK
        release()
#else
        skip
#endif
    :: else
    fi;
    todo = 0
}

active proctype core1() {
    byte todo, n, ticket; bit ended;
end:
    do
    :: ipi -> ipi = 0; handle()
    :: !ipi && !free[0] -> free[0] = 1                  /* the thread stops by itself */
    :: !ipi && !free[1] && !ended -> ended = 1;         /* a component of this core revokes, and ends what it finds */
        acquire();
        n = 0;
        if :: gone[0] -> n = 1 :: else fi;
        if :: !gone[n] -> free[n] = 1; finalise(n) :: else fi;
        release()
    :: !ipi && finished == 2 -> break
    od
}

#ifndef FAIR
active proctype watch() {
    timeout;
    assert(finished == 2);
    assert(gone[0] && gone[1] && errand == 0)
}
#else
ltl ends { <> (finished == 2) }
#endif
