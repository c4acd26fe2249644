// swift-tools-version: 6.1
// The house and its floors are described in docs/architecture.md: each folder of Sources is a target,
// so that the compiler keeps the floors apart.
import PackageDescription

let package = Package(
    name: "Limn",
    products: [
        .executable(name: "limn", targets: ["LimnCLI"]),
        .library(name: "Limn", targets: ["Limn"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")
    ],
    targets: [
        // System libraries and their smallest shims.
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .target(name: "CPNG", linkerSettings: [.linkedLibrary("png")]),
        .target(name: "CSentencePiece", linkerSettings: [.linkedLibrary("sentencepiece")]),

        // Ground floor: what every room shares, and kernels.
        .target(name: "Platform"),
        .target(name: "CKernels", dependencies: ["COpenBLAS"]),
        .target(name: "Tensors", dependencies: ["CKernels"]),

        // Side rooms on the ground floor: they know nobody.
        .target(name: "Checkpoints", dependencies: ["CKernels", "Platform"]),
        .target(name: "Tokenizers", dependencies: ["CSentencePiece", "Platform"]),
        .target(name: "Sampling", dependencies: ["Platform"]),
        .target(name: "Images", dependencies: ["CPNG"]),

        // The spine.
        .target(name: "Layers", dependencies: ["Tensors", "Checkpoints"]),
        .target(name: "Models", dependencies: ["Layers", "Platform"]),
        .target(name: "Limn", dependencies: ["Models", "Tokenizers", "Sampling", "Images", "Platform"]),
        .executableTarget(
            name: "LimnCLI",
            dependencies: [
                "Limn",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),

        // Tests mirror Sources.
        .target(
            name: "TestSupport", dependencies: ["Checkpoints", "Tensors", "TestEnvironment"],
            path: "Tests/TestSupport"),
        .target(name: "TestEnvironment", path: "Tests/TestEnvironment"),
        .target(name: "AllocationCounting", path: "Tests/AllocationCounting"),
        .testTarget(name: "PlatformTests", dependencies: ["Platform"]),
        .testTarget(name: "CheckpointsTests", dependencies: ["Checkpoints", "Platform", "TestSupport"]),
        .testTarget(name: "TokenizersTests", dependencies: ["Tokenizers", "TestSupport"]),
        .testTarget(name: "SamplingTests", dependencies: ["Platform", "Sampling", "TestSupport"]),
        .testTarget(name: "ImagesTests", dependencies: ["Images", "TestSupport"]),
        .testTarget(name: "TensorsTests", dependencies: ["Tensors", "TestSupport"]),
        .testTarget(name: "ModelsTests", dependencies: ["Models", "Platform", "TestSupport"]),
        .testTarget(
            name: "LimnTests",
            dependencies: ["Limn", "Checkpoints", "Images", "Sampling", "TestSupport", "AllocationCounting"]),
        .testTarget(
            name: "FuzzTests", dependencies: ["Checkpoints", "Tokenizers", "TestSupport", "AllocationCounting"]),
        .testTarget(name: "LimnCLITests", dependencies: ["Limn", "Images", "Checkpoints", "TestSupport"]),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu17,
    cxxLanguageStandard: .cxx17
)
