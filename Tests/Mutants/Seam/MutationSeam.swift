// Tells mutated sources the mutant that is active, and records the functions that a run has reached (../README.md).
import Foundation

/// Returns the number of the active mutant, or 0 if there is none, and records that the function was reached.
public func aliveMutant(in function: Int) -> Int {
    // SAFETY: the mutator numbers functions from 0, and the project has fewer than `functionLimit`. All threads write
    // the same value.
    unsafe reached[function] = 1
    return alive
}

private let alive = Int(ProcessInfo.processInfo.environment["ENTENTE_MUTANT"] ?? "") ?? 0

/// The size of the record, which exceeds the number of the project's functions.
private let functionLimit = 1 << 16

/// A byte for each function. Several threads may write one, always the same value.
nonisolated(unsafe) private let reached: UnsafeMutablePointer<UInt8> = {
    let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: functionLimit)
    // SAFETY: `bytes` has just been allocated with this capacity, and is never freed.
    unsafe bytes.initialize(repeating: 0, count: functionLimit)
    atexit { writeReached() }
    return unsafe bytes
}()

/// Writes a byte for each function into the file that the environment names.
private func writeReached() {
    guard let path = ProcessInfo.processInfo.environment["ENTENTE_MUTANTS_REACHED"] else { return }
    // SAFETY: `reached` has `functionLimit` initialised bytes.
    let bytes = unsafe Data(bytes: reached, count: functionLimit)
    try? bytes.write(to: URL(fileURLWithPath: path))
}
