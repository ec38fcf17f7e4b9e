import ABI

extension Session {
    /// Lets all machines with disks write their files, so that nothing is lost when the board goes off. It takes as
    /// long as `FileSaving` allows, at most.
    ///
    /// - Parameters:
    ///   - descriptor: a descriptor that `wait` watches meanwhile.
    ///   - handle: takes each event meanwhile. Returns false to end at once.
    /// - Returns: warnings about the machines of which files may be missing.
    func saveFiles(watching descriptor: () -> Int32? = { nil }, _ handle: (Event) throws -> Bool) rethrows -> [String] {
        var machines: [UInt8: FileSaving] = [:]
        for machine in machinesToSave { machines[machine.number] = FileSaving() }
        while !hasEnded {
            for number in machines.keys {
                machines[number]?.pass()
                while let key = machines[number]?.nextKey() { sendBreak(thenKey: key, to: number) }
            }
            let open = machines.values.filter { $0.outcome == nil }
            guard let patience = open.map({ $0.untilNext() }).min() else { break }
            for event in wait(timeout: patience, watching: descriptor()) {
                if case .output(let channel, let bytes) = event { machines[channel]?.heard(bytes) }
                guard try handle(event) else { return [] }
            }
        }
        return machinesToSave.compactMap { machines[$0.number]?.outcome?.warning(about: $0.name) }
    }
}
