import Foundation

extension URL {
    package var modified: Date? { try? FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date }
}

extension FileManager {
    /// The latest change of a file, or of anything in a folder; the folders count, because a deleted file changes them.
    package func newest(below url: URL) -> Date? {
        var dates = [url.modified]
        for path in (try? subpathsOfDirectory(atPath: url.path)) ?? [] {
            dates.append(url.appendingPathComponent(path).modified)
        }
        return dates.compactMap(\.self).max()
    }
}
