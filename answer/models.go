package answer

// The models of the verdict, fitted by `govqa eval fit` on the judged
// questions of the sample corpus and of a province's guides, in five folds.
var (
	rightWeights = Evidence{
		evOne: -5.743, evGap2: 0.408, evGap3: 0.146, evNear: 0.178, evWide: -0.223, evContent: 0.91, evBare: 0.054,
		evNamed: 0.458, evAsked: 1.696, evSaid: 0.69, evUnion: 1.617, evUnionDrop: 0.986, evUnionBest: -0.543, evAspect: 0.228,
		evSituation: -0.031, evSitShare: 0.217, evService: -0.45, evScore: 0.679, evAlike: 0.797, evRarest: -0.539, evRarestBest: 0.732,
		evUnmet: 0.205,
	}
	coveredWeights = Evidence{
		evOne: -5.783, evGap2: -0.252, evGap3: -0.037, evNear: 0.179, evWide: -0.781, evContent: 1.427, evBare: 0.194,
		evNamed: 1.79, evAsked: 1.322, evSaid: 0.888, evUnion: 1.123, evUnionDrop: 0.174, evUnionBest: 0.42, evAspect: 0.905,
		evSituation: 0.072, evSitShare: -0.14, evService: -0.465, evScore: 1.765, evAlike: 0.341, evRarest: -0.172, evRarestBest: 0.679,
		evUnmet: 0.103,
	}
	askWeights = Evidence{
		evOne: 4.453, evGap2: -0.222, evGap3: 0.05, evNear: 0.129, evWide: 0.419, evContent: -2.301, evBare: -0.956,
		evNamed: -2.299, evAsked: 0.749, evSaid: 0.359, evUnion: 0.957, evUnionDrop: -0.896, evUnionBest: 0.943, evAspect: -2.684,
		evSituation: -0.348, evSitShare: -0.047, evService: -1.287, evScore: -0.548, evAlike: 0.654, evRarest: 1.424, evRarestBest: 0.485,
		evUnmet: -0.963,
	}
)
