/// A kind of access to a disk that fio measures.
struct FioJob {
    let name: String
    /// The pattern as fio names it.
    let pattern: String
    /// The size of a request in KiB.
    let block: Int
    /// The number of requests under way.
    let depth: Int
    /// The number of requests.
    let count: Int
    /// True if each write is followed by a flush.
    var syncs = false
    /// The least acceptable ratio of a whole disk's rate to that of the bare board.
    let aim: Double

    static let all = [
        FioJob(name: "read1", pattern: "randread", block: 4, depth: 1, count: 10_000, aim: 0.75),
        FioJob(name: "write1", pattern: "randwrite", block: 4, depth: 1, count: 10_000, aim: 0.75),
        FioJob(name: "read32", pattern: "randread", block: 4, depth: 32, count: 20_000, aim: 0.9),
        FioJob(name: "write32", pattern: "randwrite", block: 4, depth: 32, count: 20_000, aim: 0.9),
        FioJob(name: "read-1MiB", pattern: "read", block: 1024, depth: 1, count: 512, aim: 0.9),
        FioJob(name: "write-1MiB", pattern: "write", block: 1024, depth: 1, count: 512, aim: 0.9),
        FioJob(name: "fsync", pattern: "randwrite", block: 4, depth: 1, count: 1000, syncs: true, aim: 0.75),
    ]

    /// The size of the disk in MiB.
    static let diskSize = 256

    /// The unit of the rate, which is MiB for large requests.
    var isSequential: Bool { block >= 1024 }

    /// Returns the number of requests of a run that makes a share of them.
    func requests(share: Double) -> Int { max(32, Int(Double(count) * share)) }

    /// Returns the text of a job file. The first job writes the whole disk once, so that a pool has allocated it.
    ///
    /// - Parameters:
    ///   - share: the share of the requests that are made, for a short run.
    ///   - mark: the program that tells the emulator's plugin of a job's begin and end, or nil.
    static func file(share: Double, mark: String?) -> String {
        let head = """
            [global]
            filename=/dev/vda
            size=\(diskSize)m
            direct=1
            ioengine=libaio
            thread=1
            norandommap=1
            random_generator=tausworthe64
            stonewall=1

            [fill]
            rw=write
            bs=1m

            """
        return head
            + all.map { job in
                """

                [\(job.name)]
                rw=\(job.pattern)
                bs=\(job.block)k
                iodepth=\(job.depth)
                io_size=\(job.requests(share: share) * job.block)k

                """ + (job.syncs ? "fsync=1\n" : "")
                    + (mark.map { "exec_prerun=\($0) begin\nexec_postrun=\($0) end\n" } ?? "")
            }.joined()
    }
}
