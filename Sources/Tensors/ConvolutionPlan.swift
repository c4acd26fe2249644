import CKernels

/// How a convolution is computed, which decides how its weights are packed.
package enum ConvolutionAlgorithm: String, CaseIterable, Sendable {
    case direct
    /// Winograd's F(2×2, 3×3): 2.25 times fewer products, 16/9 times the weights.
    case winograd2 = "F(2×2)"
    /// F(4×4, 3×3): 4 times fewer products, 4 times the weights.
    case winograd4 = "F(4×4)"
    /// Of a picture that is doubled first, four convolutions of 2×2: 2.25 times fewer products, 16/9 times the weights.
    case subpixel = "4 of 2×2"

    var code: limn_algorithm {
        switch self {
        case .direct: LIMN_DIRECT
        case .winograd2: LIMN_WINOGRAD_2
        case .winograd4: LIMN_WINOGRAD_4
        case .subpixel: LIMN_SUBPIXEL
        }
    }
}

/// What the choice of an algorithm depends on; nothing of it changes after a model is loaded.
package struct ConvolutionShape: Hashable, Sendable {
    package var inChannels: Int
    package var outChannels: Int
    package var kernel = 3
    package var stride = 1
    /// Side in pixels of the map that is convolved, for pictures of the model's own size; 0 if that is not known.
    package var side: Int
    /// Whether every picture is brought to exactly twice its size first.
    package var isDoubled = false

    package init(
        inChannels: Int, outChannels: Int, kernel: Int = 3, stride: Int = 1, side: Int, isDoubled: Bool = false
    ) {
        (self.inChannels, self.outChannels) = (inChannels, outChannels)
        (self.kernel, self.stride, self.side, self.isDoubled) = (kernel, stride, side, isDoubled)
    }
}

extension Kernels {
    /// Whether the set computes convolutions of such operands so.
    package func has(_ algorithm: ConvolutionAlgorithm, _ operands: Element) -> Bool {
        limn_kernels_have(table, algorithm.code, operands.code)
    }

    /// The choice of an algorithm, in one place. Every algorithm is right at every size; this is about speed and
    /// memory.
    ///
    /// The time that Winograd saves grows with a layer's pixels and weights, the memory that it costs with the weights
    /// alone: what is gained for a byte depends on the size of the map. A UNet's deep layers have the weights and
    /// little of the time. In SD 1.5 at 512×512, float32, F(4×4) adds 0.2 GB at 64×64 and 0.75 GB at 32×32; at 16×16
    /// it would be 2.3 GB, where F(2×2) takes 0.6.
    ///
    /// - Parameter isCoarse: F(4×4) of bfloat16 products, whose error is three times that of F(2×2), where maps are
    ///   large: there it saves the most, and takes the least memory
    package func algorithm(
        for shape: ConvolutionShape, operands: Element, isCoarse: Bool = false
    ) -> ConvolutionAlgorithm {
        // With fewer inputs there is nothing that the transforms could save.
        guard shape.kernel == 3, shape.stride == 1, shape.inChannels >= 16 else { return .direct }
        // Memory is no matter where there are few weights.
        let isSmall = shape.inChannels * shape.outChannels <= 1 << 16
        switch operands {
        case .float32:
            if shape.side >= (isSmall ? 16 : 32) { return .winograd4 }
            return shape.side >= (isSmall ? 8 : 16) ? .winograd2 : .direct
        case .bfloat16:
            // F(4×4) loses too much of bfloat16's eight bits to be used unasked. AMX multiplies faster than Winograd
            // can save, but what needs no transforms is saved there, too.
            guard has(.winograd2, operands) else { return shape.isDoubled ? .subpixel : .direct }
            guard shape.side >= 16 else { return .direct }
            return isCoarse && shape.side >= 32 ? .winograd4 : .winograd2
        case .int8: return .direct
        }
    }
}

extension Compute {
    /// The algorithm for a layer here: the same whether or not memory is short, for a request decides every byte of its
    /// picture.
    package func algorithm(for shape: ConvolutionShape) -> ConvolutionAlgorithm {
        kernels.algorithm(for: shape, operands: operands, isCoarse: isCoarse)
    }
}
