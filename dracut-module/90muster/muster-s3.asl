// SPDX-License-Identifier: Apache-2.0
// The source of muster-s3.aml, which the kernel loads from the start of the initramfs (CONFIG_ACPI_TABLE_UPGRADE) and
// which PCR 9 therefore shows. It empties the packages in which the firmware describes the sleep states S1 to S3. The
// kernel looks at them once, while it starts: then suspend to RAM does not exist, and nothing below /sys brings it back.
// The assignments stand in a method because an anonymous package cannot be resolved outside of one.
// tests/integration/test-dracut-sleep.sh assembles this text and compares the result with muster-s3.aml.
DefinitionBlock ("", "SSDT", 2, "MUSTER", "NOSLEEP", 0x00000001)
{
    Method (MSNS, 0, NotSerialized)
    {
        If (CondRefOf (\_S1)) { CopyObject (Package (0) {}, \_S1) }
        If (CondRefOf (\_S2)) { CopyObject (Package (0) {}, \_S2) }
        If (CondRefOf (\_S3)) { CopyObject (Package (0) {}, \_S3) }
    }
    MSNS ()
}
