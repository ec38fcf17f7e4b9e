import Foundation
import Testing

@testable import Tool
@testable import Workshop

extension SystemTests {
    /// The quick form of each experiment of the debate.
    @Suite(.serialized) struct DebateTests {
        /// Every part of the experiment is measured, and every figure says how it came about.
        @Test(arguments: ExperimentList.debate.map(\.name))
        func theQuickFormMeasuresEverything(name: String) throws {
            let experiment = try #require(ExperimentList.named([name]).first)
            let run = ExperimentRun(workspace: Workspace(root: Repository.root), isQuick: true)
            try experiment.measure(run)
            #expect(run.failures == [:])
            #expect(!run.figures.isEmpty && run.figures.allSatisfy { $0.value.isFinite })
            #expect(run.figures.allSatisfy { $0.measure == .count || $0.cpu != nil })
            #expect(run.figures.allSatisfy { $0.software?.isEmpty == false })
            // The subject of the debate is part of each experiment.
            #expect(run.figures.contains { $0.subject == .entente })
        }
    }
}
