package answer

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// stage begins a span of one stage of the pipeline where the caller traces the
// request, and returns what ends it. No word of a question goes into a span.
func stage(ctx context.Context, name string) (context.Context, func()) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, func() {}
	}
	ctx, span := parent.TracerProvider().Tracer("github.com/govqa/govqa/answer").Start(ctx, name)
	return ctx, func() { span.End() }
}

// traced says on the caller's span what became of a question.
func traced(ctx context.Context, a *Answer) {
	trace.SpanFromContext(ctx).SetAttributes(attribute.String("govqa.outcome", string(a.Outcome)), attribute.String("govqa.aspect", string(a.Aspect)),
		attribute.String("govqa.generated_by", a.GeneratedBy), attribute.Int64("govqa.edition", int64(a.Edition)))
}
