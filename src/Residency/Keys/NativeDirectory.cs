using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Domicile.Residency;

/// <summary>.NET opens files, not directories; to flush a directory takes open(2) and fsync(2).</summary>
internal static partial class NativeDirectory
{
    private const int ReadOnly = 0;

    public static SafeFileHandle Open(string path)
    {
        var descriptor = OpenDescriptor(path, ReadOnly);
        return descriptor < 0 ? throw new Win32Exception(Marshal.GetLastPInvokeError()) : new SafeFileHandle(descriptor, ownsHandle: true);
    }

    public static void Flush(SafeFileHandle directory)
    {
        if (FlushDescriptor(directory) != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenDescriptor(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FlushDescriptor(SafeFileHandle descriptor);
}
