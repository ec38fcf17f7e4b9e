import DiskPool
import Foundation
import SystemImage

#if canImport(Glibc)
    import Glibc
#endif

// Copies between a disk of a pool and a raw file. Zeros take no space on either side.
extension PoolFile {
    /// Copies a raw file to the start of a disk, which has no contents yet.
    func importContents(of source: URL, to disk: Int, named name: String) throws {
        let input = Glibc.open(source.path, O_RDONLY | O_CLOEXEC)
        guard input >= 0 else { throw Failure.ofCall(on: source) }
        defer { close(input) }
        let end = lseek(input, 0, SEEK_END)
        var report = CopyReport(total: UInt64(max(end, 0)))
        var position: off_t = 0
        // Holes of the file are skipped, if its file system knows them.
        while position < end {
            let data = lseek(input, position, Holes.data)
            if data < 0 { if errno == ENXIO { break } else { throw Failure.ofCall(on: source) } }
            let hole = min(max(lseek(input, data, Holes.hole), data), end)
            position = data & ~off_t(PoolLayout.unitSize - 1)
            while position < hole {
                try importPiece(input, position, to: disk, named: name, from: source)
                position += off_t(Self.windowSize)
                report.done(UInt64(min(position, end)))
            }
        }
    }

    /// Copies one piece, without the units that are zero.
    private func importPiece(
        _ input: Int32, _ position: off_t, to disk: Int, named name: String, from source: URL
    ) throws {
        let window = memory.window
        window.initializeMemory(as: UInt8.self, repeating: 0)
        var filled = 0
        while filled < window.count {
            let count = pread(
                input, window.baseAddress?.advanced(by: filled), window.count - filled, position + off_t(filled))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure.ofCall(on: source) }
            guard count > 0 else { break }
            filled += count
        }
        let sectors = (filled + PoolLayout.sectorSize - 1) / PoolLayout.sectorSize
        let unit = PoolLayout.sectorsPerUnit
        var first = 0
        while first < sectors {
            var last = first
            while last < sectors, !isZero(sector: last, min(unit, sectors - last)) { last += unit }
            if last > first {
                let count = min(last, sectors) - first
                do throws(PoolError) {
                    try perform(
                        .write, disk: disk, sector: UInt64(position) / UInt64(PoolLayout.sectorSize) + UInt64(first),
                        count: count, offset: first * PoolLayout.sectorSize)
                } catch {
                    throw error.failure("'\(name)'")
                }
            }
            first = last + unit
        }
    }

    /// Returns true if a part of the window is zero.
    private func isZero(sector: Int, _ count: Int) -> Bool {
        let start = sector * PoolLayout.sectorSize
        let part = UnsafeRawBufferPointer(rebasing: memory.window[start..<start + count * PoolLayout.sectorSize])
        return part.bindMemory(to: UInt64.self).allSatisfy { $0 == 0 }
    }

    /// Copies a disk or a snapshot to a new raw file.
    func exportContents(of disk: Int, named name: String, to target: URL) throws {
        let output = Glibc.open(target.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard output >= 0 else {
            if errno == EEXIST {
                throw Failure("\(target.path) exists already", remedy: "name another file, or remove this one")
            }
            throw Failure.ofCall(on: target)
        }
        defer { close(output) }
        do {
            try export(disk, named: name, to: output, target)
        } catch {
            try? FileManager.default.removeItem(at: target)
            throw error
        }
    }

    private func export(_ disk: Int, named name: String, to output: Int32, _ target: URL) throws {
        let sectors = pool.record(disk).sectors
        let size = sectors * UInt64(PoolLayout.sectorSize)
        guard ftruncate(output, off_t(size)) == 0 else { throw Failure.ofCall(on: target) }
        var report = CopyReport(total: size)
        var sector: UInt64 = 0
        while sector < sectors {
            let count = Int(min(sectors - sector, UInt64(Self.windowSize / PoolLayout.sectorSize)))
            do throws(PoolError) {
                try perform(.read, disk: disk, sector: sector, count: count)
            } catch {
                throw error.failure("'\(name)'")
            }
            if !isZero(sector: 0, count) {
                let bytes = count * PoolLayout.sectorSize
                let offset = off_t(sector) * off_t(PoolLayout.sectorSize)
                guard pwrite(output, memory.window.baseAddress, bytes, offset) == bytes else {
                    throw Failure.ofCall(on: target)
                }
            }
            sector += UInt64(count)
            report.done(sector * UInt64(PoolLayout.sectorSize))
        }
        guard fsync(output) == 0 else { throw Failure.ofCall(on: target) }
    }
}

/// Tells the user how much of a long copy is done.
struct CopyReport {
    let total: UInt64
    private let clock = ContinuousClock()
    private var next: ContinuousClock.Instant

    /// The time between two lines.
    private static let interval = Duration.seconds(5)

    init(total: UInt64) {
        self.total = total
        next = clock.now + Self.interval
    }

    mutating func done(_ bytes: UInt64) {
        guard clock.now >= next, total > 0 else { return }
        next = clock.now + Self.interval
        Progress.say("    \(bytes * 100 / total) % of \(total >> 20) MiB")
    }
}
