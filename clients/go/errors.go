package telwerk

import (
	"context"
	"errors"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// ReasonQuotaExceeded is the Reason of an error that says that this account or caller uses its whole share just now. The
// same request may be answered later: see RetryAfter.
const ReasonQuotaExceeded = "QUOTA_EXCEEDED"

// Error is what a call ended in but its answer. Every error of a call of a Client is one, or wraps one, also those of
// streams and those of the caller's own context:
//
//	var failure *telwerk.Error
//	if errors.As(err, &failure) { ... }
//
// After codes.Unavailable and codes.DeadlineExceeded it is not known whether the call took effect. Every call of Telwerk
// is safe to repeat, so sending the same again is right.
type Error struct {
	// Code is the status of gRPC.
	Code codes.Code
	// Message is a sentence for people.
	Message string
	// Reason is a constant of the server's catalogue, such as "UNKNOWN_KPI"; empty where the error is not the server's.
	Reason string
	// Metadata is what the server adds for programs.
	Metadata map[string]string
	// Violations are the fields at fault.
	Violations []Violation
	// RetryAfter is when the server asks to be called again; zero where it does not say.
	RetryAfter time.Duration

	cause error
}

// Violation is a field of the request, as a path, and what is wrong with it.
type Violation struct {
	Field       string
	Description string
}

// Error is the sentence for people, with the reason.
func (e *Error) Error() string {
	if e.Reason == "" {
		return e.Code.String() + ": " + e.Message
	}
	return e.Reason + ": " + e.Message
}

// Unwrap gives the error of gRPC.
func (e *Error) Unwrap() error {
	return e.cause
}

// Is says that a call whose time was over is context.DeadlineExceeded, and one that was cancelled context.Canceled.
func (e *Error) Is(target error) bool {
	return target == context.DeadlineExceeded && e.Code == codes.DeadlineExceeded ||
		target == context.Canceled && e.Code == codes.Canceled
}

// GRPCStatus is the status with its details, as google.golang.org/grpc/status reads it.
func (e *Error) GRPCStatus() *status.Status {
	if state, ok := status.FromError(e.cause); ok {
		return state
	}
	return status.New(e.Code, e.Message)
}

// Transient says whether the same call may be answered later: the server is away or busy, a quota is used up, or the way
// to the server broke.
func (e *Error) Transient() bool {
	switch e.Code {
	case codes.Unavailable, codes.DeadlineExceeded:
		return true
	case codes.ResourceExhausted:
		// Without a reason it is gRPC's own: a message beyond what one of the two sides takes.
		return e.Reason == ReasonQuotaExceeded
	case codes.Internal, codes.Unknown, codes.Canceled, codes.DataLoss:
		// What gRPC says of a server that is killed.
		return true
	default:
		return false
	}
}

// FromError finds the Error in an error of a call, and makes one of a status of gRPC that comes from elsewhere; false if
// the error is none of a call.
func FromError(err error) (*Error, bool) {
	var found *Error
	if errors.As(err, &found) {
		return found, true
	}
	state, ok := status.FromError(err)
	if !ok {
		if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			return nil, false
		}
		state = status.FromContextError(err)
	}
	if state.Code() == codes.OK {
		return nil, false
	}
	found = &Error{Code: state.Code(), Message: state.Message(), cause: err}
	found.read(state.Details())
	return found, true
}

func (e *Error) read(details []any) {
	for _, detail := range details {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			e.Reason, e.Metadata = detail.GetReason(), detail.GetMetadata()
		case *errdetails.BadRequest:
			for _, violation := range detail.GetFieldViolations() {
				e.Violations = append(e.Violations, Violation{violation.GetField(), violation.GetDescription()})
			}
		case *errdetails.RetryInfo:
			e.RetryAfter = detail.GetRetryDelay().AsDuration()
		}
	}
}
