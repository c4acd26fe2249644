/// The job of a kernel whose tasks are told what to do by one description: `limn_convolution` and its like.
struct KernelJob<Operation> {
    let table: OpaquePointer
    let operation: Operation

    /// - Parameter context: what a pool's task is given when the job is a `KernelJob` of this operation
    static func open(_ context: UnsafeRawPointer, _ task: (OpaquePointer, UnsafePointer<Operation>) -> Void) {
        let job = context.assumingMemoryBound(to: Self.self)
        withUnsafePointer(to: job.pointee.operation) { task(job.pointee.table, $0) }
    }
}
