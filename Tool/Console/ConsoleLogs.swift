import Foundation

/// How consoles share the serial line.
enum ConsoleFraming {
    /// As `ConsoleChannel` says.
    case multiplexed
    /// The line is one console's own: a machine on the bare board.
    case single(UInt8)
}

/// Keeps what every console says: a file for each, `logs/SYSTEM/NAME.log`.
final class ConsoleLogs {
    private var files: [UInt8: FileHandle] = [:]

    init(folder: URL, channels: [Channel]) throws {
        // A run that ended before has left its own.
        try? FileManager.default.removeItem(at: folder)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for channel in channels {
            let file = folder.appendingPathComponent("\(channel.name).log")
            try Data().write(to: file)
            files[channel.number] = try FileHandle(forWritingTo: file)
        }
    }

    /// A log that cannot be written (a full disk) does not end the session.
    func write(_ bytes: [UInt8], of channel: UInt8) { try? files[channel]?.write(contentsOf: Data(bytes)) }
}
