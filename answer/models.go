package answer

// The models of the verdict, fitted by `govqa eval fit` on the judged
// questions of the sample corpus and of a province's guides, in five folds.
var (
	rightWeights = Evidence{
		evOne: -4.405, evGap2: 0.335, evGap3: 0.133, evNear: -0.006, evWide: -0.287, evContent: 1.591, evBare: -0.37,
		evNamed: 0.699, evAsked: 1.667, evSaid: 0.576, evUnion: 0.838, evUnionDrop: 0.913, evUnionBest: -1.104,
		evAspect: 0.382, evSituation: -0.205, evSitShare: 0.057, evService: -0.454, evScore: 0.843, evAlike: 0.626,
		evRarest: -0.63, evRarestBest: 0.643, evUnmet: -0.094, evCore: 0.203, evSimilar: 0.107, evMissed: -0.355,
		evMissedBest: -1.025,
	}
	coveredWeights = Evidence{
		evOne: -4.494, evGap2: -0.174, evGap3: -0.17, evNear: 0.057, evWide: -0.883, evContent: 1.267, evBare: 0.613,
		evNamed: 1.719, evAsked: 1.387, evSaid: 0.516, evUnion: 0.281, evUnionDrop: 0.205, evUnionBest: 0.375,
		evAspect: 0.632, evSituation: 0.148, evSitShare: -0.279, evService: -0.578, evScore: 2.339, evAlike: 0.084,
		evRarest: 0.132, evRarestBest: 0.529, evUnmet: -0.288, evCore: -0.864, evSimilar: 0.003, evMissed: -0.672,
		evMissedBest: -0.876,
	}
	askWeights = Evidence{
		evOne: 3.796, evGap2: -0.085, evGap3: 0.041, evNear: 0.33, evWide: 0.574, evContent: -2.148, evBare: -1.209,
		evNamed: -2.133, evAsked: 0.798, evSaid: 0.273, evUnion: 0.984, evUnionDrop: -0.842, evUnionBest: 0.777,
		evAspect: -2.445, evSituation: -0.409, evSitShare: 0.228, evService: -1.279, evScore: -0.816, evAlike: 0.436,
		evRarest: 1.316, evRarestBest: 0.042, evUnmet: -0.112, evCore: 1.052, evSimilar: 0.235, evMissed: 0.502,
		evMissedBest: -0.019,
	}
)
