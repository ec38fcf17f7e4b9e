import Foundation

/// A cpio archive in the "new ASCII" form, which Linux unpacks as its initial file system
/// (Documentation/driver-api/early-userspace/buffer-format.rst).
///
/// The tool writes it entry by entry rather than from a folder, so that device nodes and owners need no rights on the
/// host.
package struct CpioArchive {
    private(set) var data = Data()
    private var nextInode = 1

    package init() {}

    package mutating func add(directory path: String, permissions: UInt32 = 0o755) {
        add(path, mode: 0o040000 | permissions)
    }

    package mutating func add(file path: String, contents: Data, permissions: UInt32 = 0o644) {
        add(path, mode: 0o100000 | permissions, contents: contents)
    }

    package mutating func add(link path: String, to target: String) {
        add(path, mode: 0o120777, contents: Data(target.utf8))
    }

    package mutating func add(characterDevice path: String, major: UInt32, minor: UInt32, permissions: UInt32) {
        add(path, mode: 0o020000 | permissions, device: (major, minor))
    }

    /// Returns the archive with its trailer, padded to 512 bytes as cpio(1) does.
    package func finished() -> Data {
        var archive = self
        archive.add("TRAILER!!!", mode: 0)
        archive.pad(to: 512)
        return archive.data
    }

    private mutating func add(
        _ path: String, mode: UInt32, contents: Data = Data(), device: (major: UInt32, minor: UInt32) = (0, 0)
    ) {
        let isDirectory = mode & 0o170000 == 0o040000
        // The fields are inode, mode, user, group, links, time, size, device, device of the node, length of the name,
        // no checksum.
        let fields: [UInt32] = [
            UInt32(nextInode), mode, 0, 0, isDirectory ? 2 : 1, 0, UInt32(contents.count), 0, 0,
            device.major, device.minor, UInt32(path.utf8.count + 1), 0,
        ]
        nextInode += 1
        data.append(Data("070701".utf8))
        for field in fields { data.append(Data(String(format: "%08x", field).utf8)) }
        data.append(Data(path.utf8) + [0])
        pad(to: 4)
        data.append(contents)
        pad(to: 4)
    }

    private mutating func pad(to alignment: Int) {
        data.append(Data(repeating: 0, count: (alignment - data.count % alignment) % alignment))
    }
}
