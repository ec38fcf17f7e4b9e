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

    /// Returns the latest change of a folder or of a folder in it: a file came or went.
    package func newestFolder(in url: URL) -> Date? {
        let folders = ((try? subpathsOfDirectory(atPath: url.path)) ?? []).filter { path in
            var isFolder: ObjCBool = false
            return fileExists(atPath: url.appendingPathComponent(path).path, isDirectory: &isFolder)
                && isFolder.boolValue
        }
        return ([url] + folders.map(url.appendingPathComponent)).compactMap(\.modified).max()
    }
}
