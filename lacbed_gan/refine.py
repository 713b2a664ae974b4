"""``python -m lacbed_gan.refine``: see `lacbed_gan.commands.refine`."""

from lacbed_gan.commands.refine import main

if __name__ == "__main__":
    main()
