using System.Buffers;
using Domicile.Modules.Http;
using Domicile.Residency;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Domicile.Server;

/// <summary>A request's body in memory that is used again: wiped and given back by <see cref="Return"/>. It never touches a disk.</summary>
internal readonly struct RequestBody
{
    private const int FirstGuess = 4 * 1024;

    private readonly byte[]? _rented;
    private readonly int _length;

    private RequestBody(byte[] rented, int length)
    {
        _rented = rented;
        _length = length;
    }

    /// <summary>The bytes; empty when there was no body.</summary>
    public ReadOnlyMemory<byte> Memory => _rented.AsMemory(0, _length);

    /// <summary>Reads a body whole, or finds it longer than the limit without reading the rest.</summary>
    public static ValueTask<(RequestBody Body, Problem? Problem)> Read(HttpContext context, int limit, CancellationToken cancel)
    {
        var length = context.Request.ContentLength;
        if (length == 0 || context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: false })
        {
            return new((default, null));
        }

        if (length > limit)
        {
            return new((default, HttpProblems.BodyTooLarge(limit)));
        }

        return ReadUpTo(context, limit, (int?)length, cancel);
    }

    /// <summary>Wipes the memory and gives it back. The body is gone.</summary>
    public void Return()
    {
        if (_rented is not null)
        {
            _rented.AsSpan(0, _length).Clear();
            ArrayPool<byte>.Shared.Return(_rented);
        }
    }

    private static async ValueTask<(RequestBody Body, Problem? Problem)> ReadUpTo(HttpContext context, int limit, int? length, CancellationToken cancel)
    {
        // One byte more than is taken: it tells a body that ends at the limit from one that goes on.
        var most = (length ?? limit) + 1;
        var buffer = ArrayPool<byte>.Shared.Rent(length is null ? Math.Min(FirstGuess, most) : most);
        var read = 0;
        var kept = false;
        try
        {
            var stream = context.Request.Body;
            while (true)
            {
                int more;
                try
                {
                    more = await stream.ReadAsync(buffer.AsMemory(read, Math.Min(buffer.Length, most) - read), cancel);
                }
                catch (IOException broken) when (broken is not BadHttpRequestException)
                {
                    // The web server's word for a chunk whose size is no number; also for a client that is gone, whom nobody answers.
                    return (default, HttpProblems.BadRequest(StatusCodes.Status400BadRequest));
                }

                read += more;
                if (more == 0)
                {
                    kept = true;
                    return (new RequestBody(buffer, read), null);
                }

                if (read == length)
                {
                    // The server hands out no more of a body than its head said.
                    kept = true;
                    return (new RequestBody(buffer, read), null);
                }

                if (read == most)
                {
                    return (default, HttpProblems.BodyTooLarge(limit));
                }

                if (read == buffer.Length)
                {
                    var larger = ArrayPool<byte>.Shared.Rent(Math.Min(2 * buffer.Length, most));
                    buffer.AsSpan(0, read).CopyTo(larger);
                    new RequestBody(buffer, read).Return();
                    buffer = larger;
                }
            }
        }
        finally
        {
            if (!kept)
            {
                new RequestBody(buffer, read).Return();
            }
        }
    }
}
