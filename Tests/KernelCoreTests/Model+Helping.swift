import ABI
import HardwareModel

@testable import KernelCore

// The reference for helping. It follows the chains of calls from every owner of time to the context that the time runs,
// and knows the priority of the most urgent one.

extension KernelModel {
    /// Returns the context that a thread's own time runs, within at most eight links, or nil if none can run.
    private func beneficiary(of owner: ModelThread) -> ModelThread? {
        guard owner.usesOwnTime else { return nil }
        var link = owner
        var links = 0
        while link.state == .calling, let server = link.server {
            links += 1
            if links > Self.maximumDepth { return nil }
            link = server
        }
        return link.state == .ready ? link : nil
    }

    /// Checks that the kernel runs the end of the chain of the time that has the core, and that no more urgent one
    /// waits.
    func compareWhoRuns(_ core: Int, _ kernelCore: Ref<Core>) {
        // The kernel will continue to park time that leads nowhere.
        if kernelCore.pointee.mustSchedule { return }
        func isUsedUp(_ time: ModelTime) -> Bool {
            Ref<SchedulingContext>(at: PhysicalAddress(time.address)).pointee.isExhausted
        }
        let owners = threads.filter {
            $0.core == core && $0.time.map { !isUsedUp($0) } ?? false && beneficiary(of: $0) != nil
        }
        let running = owners.first { $0.time?.address == kernelCore.pointee.scheduling?.address.value }
        if kernelCore.pointee.scheduling != nil, running == nil {
            return broken.append("core \(core) runs on time that leads nowhere")
        }
        if let running {
            let expected = beneficiary(of: running)
            if kernelCore.pointee.current?.address.value != expected?.address {
                broken.append("core \(core) does not run the end of the chain of its time")
            }
        }
        let waiting = owners.compactMap { $0.time?.priority }.max()
        guard let waiting, waiting > running?.time?.priority ?? 0 || running == nil else { return }
        broken.append("core \(core): time of priority \(waiting) waits")
    }
}
