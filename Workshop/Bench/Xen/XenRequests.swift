import Foundation
import SystemImage
import Tool

/// Counts the instructions of requests to the split disk of a guest of Xen. The disk's back-end is a part of the first
/// domain's kernel, and has the board's virtual disk.
struct XenRequests {
    let workspace: Workspace
    /// The requests of each task.
    var count = 1000
    var timeout = Duration.seconds(900)

    func rows() throws -> [BenchRow] {
        let tasks = RequestBenchmark.tasks
        let folder = workspace.state.appendingPathComponent("xen-disk-\(UUID().uuidString)")
        try workspace.make(folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        let disk = folder.appendingPathComponent("disk.raw")
        guard FileManager.default.createFile(atPath: disk.path, contents: nil) else {
            throw Failure("the file \(disk.path) cannot be made")
        }
        try FileHandle(forWritingTo: disk).truncate(atOffset: 64 << 20)
        let program = try LinuxWorkload(workspace: workspace, name: "requests").build()
        let domain = XenDomain(
            name: "guest", memory: 256, script: "/requests /dev/xvda \(count) \(tasks.joined(separator: " "))",
            files: ["requests": program], disk: "/dev/vda")
        let board = XenBoard(workspace: workspace, disk: disk)
        let (lines, counts) = try Progress.step("Counting requests of a guest of Xen") {
            try XenCounts.counted(
                on: board, script: "start guest\nshow guest\n", domains: [domain], files: [:], timeout: timeout)
        }
        guard counts.count == tasks.count else {
            throw Failure("\(counts.count) of \(tasks.count) tasks were counted on Xen: \(lines)")
        }
        return zip(tasks, counts).flatMap { task, counted in
            counted.rows("xen.disk.request.\(task)", count: task.contains("x") ? count / 8 : count)
        }
    }
}
