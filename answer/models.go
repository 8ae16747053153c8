package answer

// The models of the verdict, fitted by `govqa eval fit` on the judged
// questions of the sample corpus and of a province's guides, in five folds.
var (
	rightWeights = Evidence{
		evOne: -5.45, evGap2: 0.432, evGap3: 0.094, evNear: 0.12, evWide: -0.206, evContent: 1.168, evBare: -0.154,
		evNamed: 0.706, evAsked: 1.266, evSaid: 0.941, evUnion: 1.267, evUnionDrop: 0.278, evUnionBest: 0.03, evAspect: 0.253,
		evSituation: -0.215, evSitShare: 0.266, evService: -0.494, evScore: 0.834, evAlike: -0.068,
	}
	askWeights = Evidence{
		evOne: 5.706, evGap2: -0.355, evGap3: 0.019, evNear: 0.162, evWide: -0.225, evContent: -1.874, evBare: -1.002,
		evNamed: -1.979, evAsked: 0.772, evSaid: 0.154, evUnion: 0.987, evUnionDrop: -0.574, evUnionBest: 1.016, evAspect: -2.512,
		evSituation: -0.28, evSitShare: -0.129, evService: -0.768, evScore: -0.691, evAlike: 0.624,
	}
)
