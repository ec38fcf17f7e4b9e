import Foundation
import HardwareModel
import Synchronization
import TestSupport

@testable import KernelCore

/// A host thread that plays one core: it takes interrupts, and lets the current context do a step.
final class CoreThread: @unchecked Sendable {
    private let core: ModelCore
    private let step: (ModelCore, Ref<ExecutionContext>) -> Void
    private let isDone: () -> Bool
    private let finished = DispatchSemaphore(value: 0)
    private let isCancelled = Atomic<Bool>(false)

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - step: the work of a context when it is current; it enters the kernel by itself (`K.operate`).
    ///   - isDone: ends the thread; must become true in some core's step.
    init(
        _ core: ModelCore, isDone: @escaping () -> Bool, step: @escaping (ModelCore, Ref<ExecutionContext>) -> Void
    ) {
        self.core = core
        self.step = step
        self.isDone = isDone
    }

    func start() {
        let thread = Thread { [self] in
            core.run { self.loop() }
            finished.signal()
        }
        thread.start()
    }

    /// Returns false if the core does not finish, because a thread sleeps that should have been woken.
    func join() -> Bool { Patience.wait(for: finished) }

    /// Ends a thread that is not done, because nobody may use its board after the test.
    func cancel() { isCancelled.store(true, ordering: .relaxed) }

    private func loop() {
        let kernelCore = core.kernelCore
        while !isDone(), !isCancelled.load(ordering: .relaxed) {
            K.enter(kernelCore)
            defer { K.leave(kernelCore) }
            while core.takeInterrupt() {}
            guard let context = K.resume(kernelCore) else {
                sched_yield()
                continue
            }
            core.check()
            step(core, context)
            _ = K.resume(kernelCore)
        }
    }
}
