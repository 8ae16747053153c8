package answer

// The models of the verdict, fitted by `govqa eval fit` on the judged
// questions of the sample corpus and of a province's guides, in five folds.
var (
	rightWeights = Evidence{
		evOne: -5.513, evGap2: 0.353, evGap3: 0.127, evNear: 0.047, evWide: -0.239, evContent: 1.876, evBare: -0.844,
		evNamed: 0.565, evAsked: 1.72, evSaid: 0.741, evUnion: 1.058, evUnionDrop: 0.758, evUnionBest: -0.927,
		evAspect: 0.295, evSituation: -0.222, evSitShare: 0.054, evService: -0.451, evScore: 0.877, evAlike: 0.539,
		evRarest: -0.719, evRarestBest: 0.689, evUnmet: -0.052, evCore: 0.742, evSimilar: 0.333,
	}
	coveredWeights = Evidence{
		evOne: -5.785, evGap2: -0.162, evGap3: -0.175, evNear: 0.082, evWide: -0.827, evContent: 1.48, evBare: 0.194,
		evNamed: 1.548, evAsked: 1.541, evSaid: 0.531, evUnion: 0.519, evUnionDrop: 0.102, evUnionBest: 0.568,
		evAspect: 0.523, evSituation: 0.158, evSitShare: -0.34, evService: -0.58, evScore: 2.479, evAlike: 0.022,
		evRarest: 0.016, evRarestBest: 0.557, evUnmet: -0.265, evCore: -0.322, evSimilar: 0.218,
	}
	askWeights = Evidence{
		evOne: 4.051, evGap2: -0.09, evGap3: 0.042, evNear: 0.321, evWide: 0.566, evContent: -2.148, evBare: -1.053,
		evNamed: -2.058, evAsked: 0.768, evSaid: 0.225, evUnion: 0.883, evUnionDrop: -0.847, evUnionBest: 0.7,
		evAspect: -2.446, evSituation: -0.456, evSitShare: 0.251, evService: -1.286, evScore: -0.826, evAlike: 0.441,
		evRarest: 1.305, evRarestBest: 0.069, evUnmet: -0.149, evCore: 0.799, evSimilar: 0.185,
	}
)
