import Foundation

/// The way in which consoles share the serial line.
enum ConsoleFraming {
    /// The consoles share the line by `ConsoleChannel`.
    case multiplexed
    /// The line belongs to one console, that of a machine on the bare board.
    case single(UInt8)
}

/// Writes the output of every console into a file, `logs/SYSTEM/NAME.log`.
final class ConsoleLogs {
    private var files: [UInt8: FileHandle] = [:]

    init(folder: URL, channels: [Channel]) throws {
        // An earlier run may have left its own logs.
        try? FileManager.default.removeItem(at: folder)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for channel in channels {
            let file = folder.appendingPathComponent("\(channel.name).log")
            try Data().write(to: file)
            files[channel.number] = try FileHandle(forWritingTo: file)
        }
    }

    /// Writes bytes to a log. An error, such as a full disk, does not end the session.
    func write(_ bytes: [UInt8], of channel: UInt8) { try? files[channel]?.write(contentsOf: Data(bytes)) }
}
