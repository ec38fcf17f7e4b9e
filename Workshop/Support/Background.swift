import Foundation

/// Work that a thread of its own does.
final class Background<Value: Sendable>: @unchecked Sendable {
    /// Set by the thread before it signals `end`, and read after that only.
    private var outcome: Result<Value, any Error>?
    private let end = DispatchSemaphore(value: 0)

    init(_ body: @escaping @Sendable () throws -> Value) {
        let thread = Thread { [self] in
            outcome = Result { try body() }
            end.signal()
        }
        // As large as that of the main thread, because the work was written for that.
        thread.stackSize = 8 << 20
        thread.start()
    }

    /// Waits for the end of the work, and returns or throws its outcome.
    ///
    /// - Precondition: It is called once.
    func result() throws -> Value {
        end.wait()
        return try outcome!.get()
    }
}
