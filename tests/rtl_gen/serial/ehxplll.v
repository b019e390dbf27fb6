// The PLL of an ECP5 for simulation: its output is its input, and it locks after some clocks. Dividers decide nothing.
module EHXPLLL #(
    parameter PLLRST_ENA = "",
    parameter INTFB_WAKE = "",
    parameter STDBY_ENABLE = "",
    parameter DPHASE_SOURCE = "",
    parameter OUTDIVIDER_MUXA = "",
    parameter OUTDIVIDER_MUXB = "",
    parameter OUTDIVIDER_MUXC = "",
    parameter OUTDIVIDER_MUXD = "",
    parameter FEEDBK_PATH = "",
    parameter CLKI_DIV = 1,
    parameter CLKFB_DIV = 1,
    parameter CLKOP_ENABLE = "",
    parameter CLKOP_DIV = 1,
    parameter CLKOP_CPHASE = 0,
    parameter CLKOP_FPHASE = 0
) (
    input RST,
    input STDBY,
    input CLKI,
    input CLKFB,
    output CLKOP,
    output LOCK,
    input PHASESEL0,
    input PHASESEL1,
    input PHASEDIR,
    input PHASESTEP,
    input PHASELOADREG,
    input PLLWAKESYNC,
    input ENCLKOP
);
  reg [4:0] clocks;
  initial clocks = 5'd0;
  always @(posedge CLKI) if (!LOCK) clocks <= clocks + 5'd1;
  assign LOCK  = clocks[4];
  assign CLKOP = CLKI;
endmodule
