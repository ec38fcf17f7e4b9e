import Foundation

/// A piece of work on a thread of its own.
final class Background<Value: Sendable>: @unchecked Sendable {
    /// The outcome, which the thread sets before it signals `end`, and which is read only after that.
    private var outcome: Result<Value, any Error>?
    private let end = DispatchSemaphore(value: 0)

    init(_ body: @escaping @Sendable () throws -> Value) {
        let thread = Thread { [self] in
            outcome = Result { try body() }
            end.signal()
        }
        // The stack is as large as that of the main thread, because the work was written for that.
        thread.stackSize = 8 << 20
        thread.start()
    }

    /// Waits for the end of the work, and returns or throws its outcome.
    ///
    /// - Precondition: the caller calls it once.
    func result() throws -> Value {
        end.wait()
        return try outcome!.get()
    }
}
