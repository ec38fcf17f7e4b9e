import ABI
import Entente
import Virtio

// The backend of a machine's virtual disks. It takes the requests out of the machine's virtqueues, and has the storage
// component perform them. Machines/Virtio has the logic; this program waits, and has the machine's memory mapped.

/// The time after which a disk counts as missing that nobody has described.
private let patience = Interval.milliseconds(10_000)

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    let backend = BlockBackend(MachineSurroundings())
    var disks = Configuration.resources(of: .virtualDisk)
    while let disk = disks.next() {
        backend.attach(
            slot: Int(truncatingIfNeeded: disk.number), disk: Int(truncatingIfNeeded: disk.detail),
            queues: VirtioPages.maximumQueues)
    }
    // A guest uses as many queues as it has virtual CPUs, or one.
    backend.begin()
    let alarm = Alarm(raising: MachineSurroundings.alarmEvent)
    if backend.awaitsDisks { alarm.set(at: .now + patience) }
    var events: UInt64 = 0
    while true {
        while backend.turn(events) { events = 0 }
        events = 0
        if backend.mustStayAwake() || !backend.prepareSleep() { continue }
        let raised = Events.wait()
        backend.wake()
        if raised.contains(alarm.events), backend.awaitsDisks {
            log("not each disk is served; the machine starts without the others")
            backend.stopAwaitingDisks()
        }
        events = raised.bits
    }
}

extension BlockBackend where Environment == MachineSurroundings {
    /// Announces to storage that the backend will sleep. Returns false if an answer waits already.
    func prepareSleep() -> Bool { environment.client.willSleep() }
    func wake() { environment.client.didWake() }
}
