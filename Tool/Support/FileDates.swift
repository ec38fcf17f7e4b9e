import Foundation

extension URL {
    package var modified: Date? { try? FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date }
}

extension FileManager {
    /// Returns the latest change of a file, or of anything in a folder. Folders count, because a deleted file changes
    /// its folder.
    package func newest(below url: URL) -> Date? {
        var dates = [url.modified]
        for path in (try? subpathsOfDirectory(atPath: url.path)) ?? [] {
            dates.append(url.appendingPathComponent(path).modified)
        }
        return dates.compactMap(\.self).max()
    }
}
