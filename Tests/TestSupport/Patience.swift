import Foundation

/// The time after which a test stops waiting for another thread.
///
/// It only ends a test that would hang. It is long, because a thread may wait for a processor while the host is busy
/// with something else, which is no failure.
public enum Patience {
    public static let seconds = 1200.0

    /// Returns false if the semaphore was not signalled in time.
    public static func wait(for semaphore: DispatchSemaphore) -> Bool {
        semaphore.wait(timeout: .now() + seconds) == .success
    }
}
